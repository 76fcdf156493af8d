"""Weights by what is known of labels beforehand: by ids, in any order, resumed, and never of what nobody knows."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from reweigh import Reweigher
from reweigh.errors import BadInput
from reweigh.rightness.known import Known
from reweigh.rules import Materials, registry
from reweigh.rules.judged import Judged

IDS = torch.tensor([7, 3, 11])
RIGHT = torch.tensor([0.9, 0.5, 0.01], dtype=torch.double)


def loss(model, batch):
    return F.cross_entropy(model(batch["x"]), batch["y"], reduction="none")


def batch(ids):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(len(ids), 4, generator=generator, dtype=torch.double)
    return {"x": x, "y": torch.arange(len(ids)) % 2, "id": torch.tensor(ids)}


def weights(rule, ids):
    torch.manual_seed(0)
    model = nn.Linear(4, 2).double()
    return Reweigher(model, loss, rule=rule, clean=batch([100, 101])).backward(batch(ids))[1]


def expected(*rights, sharpness=3.0):
    odds = torch.tensor(rights, dtype=torch.double).clamp(1e-9, 1 - 1e-9).logit()
    raw = torch.sigmoid(sharpness * odds)
    return raw / raw.sum()


def test_weights_are_sharpened_rightness_and_sum_to_one():
    assert torch.allclose(weights(Judged(Known(IDS, RIGHT)), [3, 7, 11]), expected(0.5, 0.9, 0.01))
    assert torch.allclose(weights(Judged(Known(IDS, RIGHT), sharpness=1.0), [11, 3]), expected(0.01, 0.5, sharpness=1))


def test_what_nobody_judged_is_trusted_as_checked_examples_are():
    assert torch.allclose(weights(Judged(Known(IDS, RIGHT)), [5, 3, 99]), expected(1, 0.5, 1))
    nobody = Known(torch.empty(0, dtype=torch.int64), torch.empty(0))
    assert torch.allclose(weights(Judged(nobody), [5, 3]), expected(1, 1))


def test_the_order_of_a_batch_changes_nothing():
    one, other = (weights(Judged(Known(IDS, RIGHT)), ids) for ids in ([3, 7, 11], [11, 3, 7]))
    assert torch.equal(one[[2, 0, 1]], other)


def test_it_asks_at_the_first_batch_and_only_then():
    asked = []

    def ask():
        asked.append(1)
        return Known(IDS, RIGHT)

    rule = Judged(ask)
    assert (rule.state_dict(), asked) == ({}, [])
    for _ in range(2):
        weights(rule, [3, 7])
    assert asked == [1]
    resumed = Judged(lambda: pytest.fail("a resumed rule knows"))
    resumed.load_state_dict(rule.state_dict())
    assert torch.equal(weights(resumed, [3, 7]), weights(rule, [3, 7]))


def test_a_state_of_nothing_leaves_it_to_be_asked():
    rule = Judged(Known(IDS, RIGHT))
    rule.load_state_dict({})
    assert torch.allclose(weights(rule, [3, 7]), expected(0.5, 0.9))


@pytest.mark.parametrize("state", [{"ids": IDS}, {"ids": "a", "right": RIGHT}, {"other": 1}])
def test_another_state_is_refused(state):
    with pytest.raises(BadInput, match="no state of a judged rule"):
        Judged(Known(IDS, RIGHT)).load_state_dict(state)


@pytest.mark.parametrize(
    ("known", "said"),
    [
        (Known(IDS, RIGHT[:2]), "3 ids and 2 probabilities"),
        (Known(torch.tensor([1, 1]), RIGHT[:2]), "no id twice"),
        (Known(IDS, RIGHT + 0.5), "from 0 to 1"),
        (Known(IDS, RIGHT * float("nan")), "from 0 to 1"),
    ],
)
def test_what_is_no_knowledge_is_refused(known, said):
    with pytest.raises(BadInput, match=said):
        Judged(known)


@pytest.mark.parametrize("sharpness", [0, -1, float("inf"), float("nan")])
def test_a_sharpness_is_above_zero(sharpness):
    with pytest.raises(BadInput, match="above 0"):
        Judged(Known(IDS, RIGHT), sharpness=sharpness)


def test_a_batch_needs_ids():
    rule = Judged(Known(IDS, RIGHT))
    with pytest.raises(BadInput, match="by their examples' ids"):
        Reweigher(nn.Linear(4, 2).double(), loss, rule=rule, clean=batch([100, 101])).backward(
            {name: value for name, value in batch([3, 7]).items() if name != "id"}
        )


def test_it_is_made_where_somebody_judges_and_refused_elsewhere():
    entry = registry.entry_of("judged")
    with pytest.raises(BadInput, match="nobody asks them here"):
        entry.make(Materials())
    made = entry.make(Materials(judged=lambda: Known(IDS, RIGHT)))
    assert torch.allclose(weights(made, [3, 7]), expected(0.5, 0.9))
