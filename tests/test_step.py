"""The numbers of a step by hand, what is refused as not finite, and the one warning of a gradient that vanishes."""

import math
import warnings

import pytest
import torch

from reweigh.errors import NonFinite
from reweigh.step import Clean, GradientWatch, report

WEIGHTS = torch.tensor([0.5, 0.25, 0.0, 0.25])
ALONG = torch.tensor([2.0, 1.0, -1.0, 1.0])
LOSSES = torch.tensor([1.0, 2.0, 3.0, 4.0])
CLEAN = Clean({"a": torch.tensor([[3.0, 0.0]]), "b": torch.tensor(4.0)}, torch.tensor(1.25))


def test_the_numbers_by_hand():
    found = report(3, WEIGHTS, ALONG, LOSSES, CLEAN, None)
    assert found.step == 3
    assert found.alignments is ALONG
    assert found.direction_norm == pytest.approx(5.0)
    assert found.clean_loss == pytest.approx(1.25)
    assert found.effective_sample_size == pytest.approx(1 / (0.25 + 0.0625 + 0.0625))
    assert found.zero_share == 0.25


def test_a_rule_that_needs_no_direction():
    found = report(1, WEIGHTS, None, LOSSES, None, None)
    assert found.alignments is None
    assert math.isnan(found.direction_norm)
    assert math.isnan(found.clean_loss)
    assert found.zero_share == 0.25


def test_all_zero_weights():
    found = report(1, torch.zeros(4), ALONG, None, CLEAN, None)
    assert found.zero_share == 1.0
    assert found.effective_sample_size == 0.0


def test_a_direction_without_entries_has_norm_zero():
    assert report(1, WEIGHTS, ALONG, None, Clean({}, torch.tensor(1.0)), None).direction_norm == 0.0


def test_the_norm_of_mixed_precision_does_not_overflow():
    half = Clean({"a": torch.full((4,), 200.0, dtype=torch.float16), "b": torch.tensor(300.0)}, torch.tensor(1.0))
    assert report(1, WEIGHTS, ALONG, None, half, None).direction_norm == pytest.approx(500.0)


def with_bad(values, *rows, bad=math.nan):
    return values.index_fill(0, torch.tensor(rows), bad)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("what", ["loss", "alignment", "weight"])
def test_what_is_not_finite_is_named_with_its_place(what, bad):
    each = {"loss": LOSSES, "alignment": ALONG, "weight": WEIGHTS}
    each[what] = with_bad(each[what], 1, 3, bad=bad)
    arguments = 7, each["weight"], each["alignment"], each["loss"], CLEAN
    with pytest.raises(
        NonFinite, match=rf"the {what} of 2 of 4 examples .* step 7 \(positions \[1, 3\] of the batch\)"
    ):
        report(*arguments, None)
    with pytest.raises(NonFinite, match=rf"the {what} of 2 of 4 examples .* step 7 \(ids \[21, 23\]\)"):
        report(*arguments, torch.tensor([20, 21, 22, 23]))


def test_the_loss_is_blamed_before_what_follows_from_it():
    with pytest.raises(NonFinite, match=r"the loss of 1 of 4"):
        report(1, with_bad(WEIGHTS, 0, 1), with_bad(ALONG, 0, 1), with_bad(LOSSES, 2), CLEAN, None)


def test_at_most_ten_are_listed():
    with pytest.raises(NonFinite, match=r"of 30 of 30 examples .*\[0, 1, 2, 3, 4, 5, 6, 7, 8, 9\]"):
        report(1, torch.full((30,), math.nan), None, None, None, None)


@pytest.mark.parametrize(
    "clean",
    [Clean({"a": torch.tensor([math.inf])}, torch.tensor(1.0)), Clean({"a": torch.ones(1)}, torch.tensor(math.nan))],
)
def test_a_clean_side_that_is_not_finite(clean):
    with pytest.raises(NonFinite, match="clean loss or its gradient is not finite at step 2"):
        report(2, WEIGHTS, with_bad(ALONG, 0), LOSSES, clean, None)


def test_losses_that_are_finite_but_not_their_sum():
    with pytest.raises(NonFinite, match="sum of the losses overflows at step 4"):
        report(4, WEIGHTS.double(), None, torch.full((4,), 1e308, dtype=torch.float64), None, None)


def test_float16_losses_of_which_only_the_half_precision_sum_overflows_are_fine():
    report(1, WEIGHTS, None, torch.full((4,), 60000.0, dtype=torch.float16), None, None)


def feed(watch, norms):
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        for norm in norms:
            watch.see(norm)
    return [str(w.message) for w in seen]


def test_a_gradient_that_vanishes_is_said_once():
    watch = GradientWatch()
    assert feed(watch, [1.0] * 5) == []
    (said,) = feed(watch, [1e-6] * 300)
    assert "vanished" in said
    assert "stop here or add clean examples" in said
    assert feed(watch, [1.0] * 100 + [0.0] * 300) == []


def test_where_training_goes_on_plainly_that_is_said_with_the_step_and_nobody_has_to_do_anything():
    watch, said = GradientWatch("every example counts alike, as in plain training"), []
    for step in range(1, 301):
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            watch.see(1.0 if step < 4 else 1e-6, step)
        said += [(step, str(w.message)) for w in seen]
        assert watch.weights_stop is (watch.vanished_at > 0)
    ((step, sentence),) = said
    assert watch.vanished_at == step > 4
    assert f"at step {step} " in sentence
    assert sentence.endswith("so from here on every example counts alike, as in plain training")
    other = GradientWatch("every example counts alike, as in plain training")
    other.load_state_dict(watch.state_dict())
    assert other.weights_stop
    named = GradientWatch()
    named.load_state_dict(watch.state_dict())
    assert not named.weights_stop  # who named a rule has it to the end


def test_a_single_small_gradient_is_no_reason():
    assert feed(GradientWatch(), [1.0, 0.0, 1.0, 1.0, 0.0]) == []


def test_a_tenth_of_the_highest_is_no_reason():
    assert feed(GradientWatch(), [1.0] + [0.1] * 500) == []


def test_the_watch_goes_on_where_it_was():
    one = GradientWatch()
    feed(one, [1.0] * 3 + [0.0] * 60)
    other = GradientWatch()
    other.load_state_dict(one.state_dict())
    assert other.state_dict() == one.state_dict()
    assert len(feed(other, [0.0] * 60)) == 1  # 0.95^60 is 0.046, 0.95^120 is 0.002
    third = GradientWatch()
    third.load_state_dict(other.state_dict())
    assert feed(third, [0.0] * 60) == []
