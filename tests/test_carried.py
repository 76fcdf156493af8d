import pytest
import torch

from reweigh.alignment import AutoEngine, Forward
from reweigh.carried import Carried
from reweigh.clean_gradient import CleanGradient
from reweigh.clean_stream import clean_stream
from reweigh.errors import BadInput
from reweigh.progress import Progress
from reweigh.rules import L2RW, Uniform


def carried(rule=None, engine=None):
    stream = clean_stream({"x": torch.arange(6.0)}, batch_size=2, seed=3)
    gradient = CleanGradient(stream, lambda batch: ({}, torch.zeros(())))
    return Carried(rule or L2RW(), stream, gradient, AutoEngine(engine or "auto"), Progress(), None)


def test_each_part_takes_up_its_own_state():
    one, other = carried(), carried()
    one.progress.step = 4
    one.progress.watch.see(2.0)
    one.stream.next()
    other.load_state_dict(one.state_dict())
    assert other.progress.step == 4
    assert other.state_dict() == one.state_dict()
    assert torch.equal(other.stream.next()["x"], one.stream.next()["x"])


def test_parts_that_are_not_there_have_no_state():
    state = carried(engine=Forward()).state_dict()
    assert state["learner"] is None
    assert state["engine"] is None


def test_another_rules_state_is_refused():
    with pytest.raises(BadInput, match="made with the rule 'l2rw', not 'uniform': resume with it"):
        carried(Uniform()).load_state_dict(carried().state_dict())
