"""Small-loss selection by hand."""

import pytest
import torch

from reweigh.errors import BadInput, NonFinite
from reweigh.rules import Evidence, Materials, SmallLoss
from reweigh.rules.small_loss import SmallLossOptions


def evidence(losses, step=1000):
    losses = torch.tensor(losses)
    return Evidence(len(losses), losses, None, losses=losses, step=step)


def test_the_highest_losses_are_left_out():
    found = SmallLoss(0.4).weigh(evidence([3.0, 1.0, 9.0, 2.0, 8.0]))
    torch.testing.assert_close(found, torch.tensor([1, 1, 0, 1, 0]) / 3)


@pytest.mark.parametrize(("step", "kept"), [(0, 10), (25, 9), (50, 8), (100, 6), (500, 6)])
def test_the_share_grows_up_to_the_end_of_the_ramp(step, kept):
    found = SmallLoss(0.4, ramp=100).weigh(evidence(torch.rand(10).tolist(), step))
    assert int((found > 0).sum()) == kept
    assert float(found.sum()) == pytest.approx(1)


def test_a_run_has_a_ramp_of_a_tenth():
    made = SmallLoss.made(Materials(steps=1500), SmallLossOptions(share=0.3))
    assert (made.share, made.ramp) == (0.3, 150)
    assert SmallLoss.made(Materials(steps=1500), SmallLossOptions(ramp=7)).ramp == 7
    assert SmallLoss.made(Materials(), SmallLossOptions()).ramp == 100


def test_something_is_always_kept():
    assert SmallLoss(0.99, ramp=1).weigh(evidence([3.0, 1.0])).tolist() == [0.0, 1.0]


def test_a_loss_that_is_none_stops():
    with pytest.raises(NonFinite, match="has no place among the smallest"):
        SmallLoss().weigh(evidence([1.0, float("nan")]))


@pytest.mark.parametrize("told", [{"share": 1.0}, {"share": -0.1}, {"ramp": 0}, {"ramp": 0.5}])
def test_numbers_that_are_none(told):
    with pytest.raises(BadInput, match="give"):
        SmallLoss(**told)
