"""The model walked once: whatever changes between steps is seen, and nothing else makes it walk again."""

import copy
import pickle

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from reweigh.student import Student
from reweigh.walk import Walk


def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Sequential(nn.BatchNorm1d(4), nn.Tanh()), nn.Linear(4, 2))


def losses(model, batch):
    return F.cross_entropy(model(batch[0]), batch[1], reduction="none")


BATCH = torch.randn(5, 3, generator=torch.Generator().manual_seed(1)), torch.arange(5) % 2


def exchange(net):
    net[0].weight = nn.Parameter(net[0].weight.detach().clone())


def rename(net):
    net[2].scale = net[2]._parameters.pop("weight")


def retie(net):
    net[2].register_parameter("tied", net[0].weight)


CHANGES = {
    "a layer more": lambda net: net.append(nn.Linear(2, 2)),
    "a layer deep inside": lambda net: net[1].append(nn.Linear(4, 4)),
    "a layer exchanged": lambda net: net.__setitem__(0, nn.Linear(3, 4)),
    "a layer out": lambda net: net.__delitem__(1),
    "a parameter exchanged": exchange,
    "a parameter renamed": rename,
    "a parameter out": lambda net: net[0].register_parameter("bias", None),
    "a parameter tied": retie,
    "a buffer more": lambda net: net[0].register_buffer("seen", torch.zeros(1)),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_of_the_model_is_seen(name):
    net = model()
    walk = Walk(net)
    assert walk.refresh().version == 1
    CHANGES[name](net)
    fresh = Walk(net)
    assert walk.refresh().version == 2
    assert list(walk.parameters) == list(fresh.parameters)
    assert all(walk.parameters[name] is p for name, p in fresh.parameters.items())
    assert list(walk.named) == list(dict(net.named_modules()))
    assert [id(t) for _, t in walk.tensors] == [id(t) for _, t in fresh.tensors]
    assert walk.refresh().version == 2


def test_no_step_makes_it_walk_again():
    net = model()
    student = Student(net, losses)
    optimizer = torch.optim.Adam(net.parameters())
    for _ in range(3):
        losses(net, BATCH).sum().backward()
        optimizer.step()
        net.train(not net.training)
        student.on(BATCH)
    assert student.walk.version == 1


def test_an_object_at_the_address_of_another_is_no_longer_the_same():
    """What was found is held, so that nothing new can have its identity."""
    net = model()
    walk = Walk(net)
    for version in range(2, 40):
        net[0] = nn.Linear(3, 4)
        assert walk.refresh().version == version


def test_parameters_are_chosen_anew_where_one_is_frozen_or_thawed():
    net = model()
    student = Student(net, losses)
    assert len(student.on(BATCH).chosen) == 6
    net[0].requires_grad_(False)
    assert list(student.on(BATCH).chosen) == ["1.0.weight", "1.0.bias", "2.weight", "2.bias"]
    net[0].bias.requires_grad_(True)
    assert "0.bias" in student.on(BATCH).chosen


def test_layers_are_chosen_anew_where_the_model_has_changed():
    net = model()
    student = Student(net, losses, "2")
    before = student.on(BATCH).chosen
    assert student.on(BATCH).chosen is before
    net[2] = nn.Linear(4, 2)
    assert student.on(BATCH).chosen["2.weight"] is net[2].weight


def test_a_predicate_is_asked_each_time():
    inside = {"0"}
    student = Student(model(), losses, lambda name, part: name in inside)
    assert list(student.on(BATCH).chosen) == ["0.weight", "0.bias"]
    inside.add("2")
    assert len(student.on(BATCH).chosen) == 4


def test_a_parameter_that_becomes_complex_is_refused_at_the_next_batch():
    student = Student(nn.Linear(2, 2), lambda m, b: None)
    assert len(student.on(None).chosen) == 2
    student.module.to(torch.complex64)
    with pytest.raises(ValueError, match="is complex"):
        _ = student.on(None).chosen


def test_students_of_two_losses_walk_once():
    student = Student(model(), losses)
    assert student.with_loss(lambda m, b: losses(m, b)).walk is student.walk


@pytest.mark.parametrize(
    "twin_of", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))], ids=["copy", "pickle"]
)
def test_a_copy_is_of_its_own_model(twin_of):
    student = Student(model(), losses)
    assert student.on(BATCH).chosen
    twin = twin_of(student)
    assert twin.walk.module is twin.module is twin.model
    assert twin.module is not student.module
    chosen = twin.on(BATCH).chosen
    assert all(chosen[name] is p for name, p in twin.module.named_parameters())


def test_compiled_parts_and_losses_are_seen():
    net = model()
    student = Student(net, losses)
    assert not student.on(BATCH).compiled
    net[0].compile(backend="eager")
    assert student.on(BATCH).compiled
    assert Student(model(), torch.compile(losses, backend="eager")).on(BATCH).wrapped
    assert Student(torch.compile(model(), backend="eager"), losses).on(BATCH).compiled
    assert not Student(nn.DataParallel(model()), losses).on(BATCH).compiled
    assert Student(nn.DataParallel(model()), losses).on(BATCH).wrapped
