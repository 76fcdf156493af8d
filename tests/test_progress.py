"""Everything that a step counts can be put back."""

import pytest
import torch
from torch import nn

from reweigh.progress import Progress, passing, whole
from reweigh.step import Clean

WEIGHTS = torch.tensor([0.5, 0.5])


def test_a_count_is_put_back():
    done = Progress()
    done.count(WEIGHTS, None, None, None, None)
    restore, before = done.keep(), done.report
    done.count(WEIGHTS * 2, None, None, None, None)
    done.learned(None, Clean({"a": torch.ones(4)}, torch.tensor(1.0)))
    assert done.report.direction_norm == 2.0
    assert done.step == 2
    restore()
    assert (done.step, done.report) == (1, before)
    assert done.watch.state_dict()["highest"] == 0.0


def test_what_is_not_finite_is_not_counted():
    done = Progress()
    with pytest.raises(ArithmeticError):
        done.count(WEIGHTS / 0, None, None, None, None)
    assert (done.step, done.report) == (0, None)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_only_what_raises_is_put_back(error):
    called = []
    with whole(lambda: called.append("one"), lambda: called.append("two")):
        pass
    assert called == []
    with pytest.raises(error), whole(lambda: called.append("one"), lambda: called.append("two")):
        raise error
    assert called == ["one", "two"]


def test_a_pass_leaves_neither_statistics_nor_draws():
    model = nn.Sequential(nn.BatchNorm1d(3), nn.Dropout())
    model(torch.randn(5, 3))
    before, buffer = {k: v.clone() for k, v in model.state_dict().items()}, model[0].running_mean
    restore = passing(model)
    expected = torch.get_rng_state()
    model(torch.full((5, 3), torch.nan))
    model[0].running_mean = torch.ones(3)
    restore()
    assert model[0].running_mean is buffer
    torch.testing.assert_close(model.state_dict(), before, rtol=0, atol=0)
    assert torch.equal(torch.get_rng_state(), expected)
