"""What is drawn where checked examples teach by themselves."""

import pytest
import torch

from reweigh.errors import BadInput
from reweigh.rules import CheckedOnly, Evidence, FineTuned, Materials
from reweigh.rules.checked_rows import FineTunedOptions

CHECKED = torch.tensor([True, False, False, True])
LABELS = torch.zeros(4, dtype=torch.int64)


def at(step):
    return Evidence(3, torch.zeros(3), None, step=step)


def test_the_others_are_never_drawn():
    rule = CheckedOnly(CHECKED)
    assert rule.sampling_weights(LABELS).tolist() == [1, 0, 0, 1]
    torch.testing.assert_close(rule.weigh(at(0)), torch.full((3,), 1 / 3))
    with pytest.raises(BadInput, match="4 examples are known to be checked or not, and there are 3"):
        rule.sampling_weights(LABELS[:3])


def test_fine_tuning_begins_with_an_epoch_near_the_end():
    rule = FineTuned.made(Materials(checked=CHECKED, steps=50), FineTunedOptions(share=0.2))
    for step in range(50):
        if step % 10 == 0:  # an epoch begins
            drawn = rule.sampling_weights(LABELS)
            assert (drawn is None) == (step < 40)
        torch.testing.assert_close(rule.weigh(at(step)), torch.full((3,), 1 / 3))


@pytest.mark.parametrize(("epochs", "tuned"), [(2, [1]), (5, [4]), (25, [22, 23, 24])])
def test_fine_tuning_takes_the_last_epoch_however_few_there_are(epochs, tuned):
    rule = FineTuned.made(Materials(checked=CHECKED, steps=10 * epochs), FineTunedOptions(share=0.1))
    found = []
    for epoch in range(epochs):
        if rule.sampling_weights(LABELS) is not None:
            found.append(epoch)
        for step in range(10):
            rule.weigh(at(10 * epoch + step))
        other = FineTuned(CHECKED, round(0.9 * 10 * epochs))  # a run that is gone on with after each epoch
        other.load_state_dict(rule.state_dict())
        other._asked_of, rule = True, other
    assert found == tuned


def test_fine_tuning_goes_on_where_it_was():
    rule, other = (FineTuned(CHECKED, 3) for _ in range(2))
    assert rule.sampling_weights(LABELS) is None
    rule.weigh(at(2))
    other.load_state_dict(rule.state_dict())
    assert other.sampling_weights(LABELS).tolist() == [1, 0, 0, 1]


@pytest.mark.parametrize("rule", [CheckedOnly(CHECKED), FineTuned(CHECKED, 3)])
def test_a_loop_that_draws_all_is_no_training_on_checked_rows(rule):
    with pytest.raises(BadInput, match=rf"the {rule.name} rule only says which examples to draw, and nobody has asked"):
        rule.weigh(at(0))


@pytest.mark.parametrize(
    ("materials", "share", "said"),
    [
        ({"steps": None}, 0.1, "nobody knows how many steps"),
        ({"steps": 9}, 1.0, "share is 1.0"),
        ({"steps": 9}, 0, "is 0"),
    ],
)
def test_fine_tuning_without_an_end_is_refused(materials, share, said):
    with pytest.raises(BadInput, match=said):
        FineTuned.made(Materials(checked=CHECKED, **materials), FineTunedOptions(share=share))
