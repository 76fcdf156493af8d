"""Everything that a step counts can be put back."""

import pytest
import torch

from reweigh.progress import Progress
from reweigh.step import Clean
from reweigh.undo import remember, whole

WEIGHTS = torch.tensor([0.5, 0.5])


def test_a_count_is_put_back_if_the_call_fails():
    done = Progress()
    done.count(WEIGHTS, None, None, None, None)
    before = done.report

    @whole
    def call():
        remember(*done.holds())
        done.count(WEIGHTS * 2, None, None, None, None)
        done.meta_step(None, Clean({"a": torch.ones(4)}, torch.tensor(1.0)))
        assert done.report.direction_norm == 2.0
        assert done.step == 2
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        call()
    assert (done.step, done.report) == (1, before)
    assert done.watch.state_dict()["highest"] == 0.0


def test_what_is_not_finite_is_not_counted():
    done = Progress()
    with pytest.raises(ArithmeticError):
        done.count(WEIGHTS / 0, None, None, None, None)
    assert (done.step, done.report) == (0, None)
