"""Drawn by what is known of labels beforehand: what is drawn counts alike."""

import pytest
import torch

from reweigh.errors import BadInput
from reweigh.rightness.known import Known
from reweigh.rules import Drawn, Evidence, Judged, Materials, registry

KNOWN = Known(torch.tensor([7, 3, 11]), torch.tensor([0.9, 0.5, 0.01], dtype=torch.double))
ROWS = torch.tensor([3, 99, 11, 7])


def test_each_is_drawn_as_it_would_weigh_and_then_all_count_alike():
    rule = registry.entry_of("drawn").make(Materials(judged=lambda: KNOWN, ids=ROWS))
    assert rule.thins
    assert not Judged(KNOWN).thins
    chances = torch.sigmoid(3 * torch.tensor([0.5, 1, 0.01, 0.9]).double().clamp(1e-9, 1 - 1e-9).logit())
    torch.testing.assert_close(rule.sampling_weights(torch.zeros(4)), chances)
    assert torch.equal(rule.weigh(Evidence(3, torch.zeros(3), None)), torch.full((3,), 1 / 3))
    with pytest.raises(BadInput, match="nobody has asked it: draw rows by its sampling_weights"):
        Drawn(KNOWN, ROWS).weigh(Evidence(3, torch.zeros(3), None))


def test_it_asks_when_it_is_first_drawn_from_and_goes_on_with_what_it_knew():
    asked = []
    rule = Drawn(lambda: asked.append(1) or KNOWN, ROWS)
    assert not asked
    found = [rule.sampling_weights(torch.zeros(4)) for _ in range(2)]
    assert asked == [1]
    other = Drawn(lambda: pytest.fail("asked again"), ROWS)
    other.load_state_dict(rule.state_dict())
    assert torch.equal(other.sampling_weights(torch.zeros(4)), found[0])


def test_what_cannot_be_drawn_is_one_sentence():
    with pytest.raises(BadInput, match="4 examples are to be drawn, and there are 2"):
        Drawn(KNOWN, ROWS).sampling_weights(torch.zeros(2))
    with pytest.raises(BadInput, match="nobody draws them by it here: take judged"):
        registry.entry_of("drawn").make(Materials(judged=lambda: KNOWN))
