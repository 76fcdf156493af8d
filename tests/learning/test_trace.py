"""What a few integers tell of a training loop: gradients added, cleared, a step taken."""

import pytest
import torch
from torch import nn

from reweigh.learning.trace import Trace, norm_of_gradients, stepped
from reweigh.optimizers import Snapshot
from reweigh.trajectory import RecordedStep, checksum

KINDS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1),
    "no step at all, by its rate": lambda p: torch.optim.SGD(p, lr=0.0),
    "fused": lambda p: torch.optim.AdamW(p, lr=0.1, fused=True),
    "one by one": lambda p: torch.optim.Adam(p, lr=0.1, foreach=False),
}


@pytest.fixture
def model():
    return nn.Linear(3, 2)


def differentiate(model):
    model(torch.ones(1, 3)).sum().backward()


def test_gradients_added_and_cleared(model):
    params = dict(model.named_parameters())
    none = Trace.of(params)
    assert none.same_gradients(Trace.of(params), params)
    differentiate(model)
    one = Trace.of(params)
    assert not none.same_gradients(one, params)
    assert not one.made_anew(params)
    differentiate(model)
    assert not one.same_gradients(Trace.of(params), params)
    assert not one.made_anew(params)
    model.zero_grad()
    assert one.made_anew(params)
    differentiate(model)  # a new tensor, as often changed as the first one was
    assert one.gradients == Trace.of(params).gradients
    assert not one.same_gradients(Trace.of(params), params)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("kept", [True, False])
def test_a_step_is_seen_whether_counted_or_not(model, kind, kept):
    params, optimizer = dict(model.named_parameters()), KINDS[kind](model.parameters())
    values = {name: p.detach().clone() for name, p in params.items()} if kept else None
    step = RecordedStep(values, Snapshot.of(optimizer, params), checksum=0 if kept else checksum(params))
    before = Trace.of(params)
    differentiate(model)
    assert not stepped(step, params, before)
    optimizer.step()
    assert stepped(step, params, before)


@pytest.mark.parametrize("size", [0.0, 1.0, 1e30, 1e-30])
def test_the_norm_of_gradients_of_any_size(model, size):
    params = dict(model.named_parameters())
    assert norm_of_gradients(params) == 0.0
    for p in params.values():
        p.grad = torch.full_like(p, size)
    assert norm_of_gradients(params) == pytest.approx(size * 8**0.5, rel=1e-5)
