"""ReversibleSGD is SGD with momentum up to rounding, and takes its steps back to the last bit."""

import copy
import io

import pytest
import torch
from torch import nn

from reweigh.errors import BadInput
from reweigh.optimizers import ReversibleSGD, reversible


def parameters(dtype=torch.float32):
    generator = torch.Generator().manual_seed(7)
    return [nn.Parameter(torch.randn(shape, generator=generator).to(dtype)) for shape in ((4, 3), (4,), ())]


def gradients(seed, params):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(p.shape, generator=generator).to(p.dtype) for p in params]


def take(optimizer, params, steps, start=0):
    for k in range(start, start + steps):
        optimizer.param_groups[0]["lr"] = rate(k)
        for p, g in zip(params, gradients(k, params), strict=True):
            p.grad = g
        optimizer.step()


def rate(k):
    return 0.05 / (1 + k % 3)


def take_back(optimizer, params, k):
    optimizer.parameters_back({p: rate(k) for p in params})
    optimizer.velocities_back(dict(zip(params, gradients(k, params), strict=True)))


def held(optimizer, params):
    states = [{k: v for k, v in optimizer.state[p].items() if k in ("velocity", "theta", "remainder")} for p in params]
    return copy.deepcopy(([p.detach() for p in params], states))


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("momentum", [0.5, 0.9, 0.97])
def test_it_steps_as_sgd_does(momentum, decay):
    ours, theirs = parameters(torch.float64), parameters(torch.float64)
    take(ReversibleSGD(ours, momentum=momentum, weight_decay=decay), ours, 30)
    take(torch.optim.SGD(theirs, lr=0.1, momentum=momentum, weight_decay=decay), theirs, 30)
    torch.testing.assert_close(ours, theirs, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("full", [2**62, 2**20])
@pytest.mark.parametrize("momentum", [0.5, 0.9, 0.99])
def test_steps_back_are_exact(momentum, full, dtype, monkeypatch):
    """Also where the remainder overflows on the way and is put on the pile, again and again."""
    params = parameters(dtype)
    optimizer = ReversibleSGD(params, momentum=momentum, weight_decay=0.1)
    take(optimizer, params, 1)
    if full < 2**62:
        monkeypatch.setattr(reversible, "_FULL_REMAINDER", full)
    seen = [held(optimizer, params)]
    for k in range(1, 200):
        take(optimizer, params, 1, start=k)
        seen.append(held(optimizer, params))
    overflows = momentum < 0.99 and (full < 2**62 or momentum == 0.5)
    assert bool(optimizer.state[params[0]]["pile"]) == overflows
    for k in range(199, 0, -1):
        take_back(optimizer, params, k)
        torch.testing.assert_close(held(optimizer, params), seen[k - 1], rtol=0, atol=0)


def test_state_goes_through_a_checkpoint_as_integers():
    params = parameters()
    optimizer = ReversibleSGD(params)
    take(optimizer, params, 3)
    saved = io.BytesIO()
    torch.save(optimizer.state_dict(), saved)
    saved.seek(0)
    others = [nn.Parameter(p.detach().clone()) for p in params]
    other = ReversibleSGD(others)
    other.load_state_dict(torch.load(saved, weights_only=True))
    assert other.state[others[0]]["velocity"].dtype == torch.int64
    take(optimizer, params, 3, start=3)
    take(other, others, 3, start=3)
    assert all(torch.equal(p, q) for p, q in zip(params, others, strict=True))


@pytest.mark.parametrize("momentum", [0.0, 1.0, -0.5])
def test_bad_momentum(momentum):
    with pytest.raises(BadInput, match="above 0 and below 1"):
        ReversibleSGD(parameters(), momentum=momentum)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e12])
def test_numbers_that_fixed_point_cannot_hold(value):
    params = parameters()
    optimizer = ReversibleSGD(params)
    for p in params:
        p.grad = torch.full_like(p, value)
    with pytest.raises(BadInput, match="lower the learning rate"):
        optimizer.step()
