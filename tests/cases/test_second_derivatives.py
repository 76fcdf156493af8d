"""Kernels written by hand whose gradients are right and whose second derivatives are not: the rules that learn need them."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from reweigh import Learning, MetaWeightNet, Reweigher
from throughout import off

D = 6


def data(n, seed, dtype=torch.float64):
    g = torch.Generator().manual_seed(seed)
    return {
        "x": torch.randn(n, D, generator=g, dtype=torch.float64).to(dtype),
        "y": torch.randint(3, (n,), generator=g),
    }


def losses(model, batch):
    z = model(batch["x"])
    return F.cross_entropy(z.float() if z.dtype == torch.bfloat16 else z, batch["y"], reduction="none")


class Detached(torch.autograd.Function):
    """Keeps its output outside the graph."""

    @staticmethod
    def forward(ctx, x):
        ctx.y = torch.tanh(x).detach()
        return torch.tanh(x)

    @staticmethod
    def backward(ctx, g):
        return g * (1 - ctx.y**2)


class WithoutGrad(torch.autograd.Function):
    """The backward pass runs under no_grad."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.tanh(x)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        with torch.no_grad():
            return g * (1 - torch.tanh(x) ** 2)


class HalfDetached(torch.autograd.Function):
    """Right along the gradient that arrives, and wrong along its input."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.tanh(x)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * (1 - torch.tanh(x.detach()) ** 2)


class Gated(torch.autograd.Function):
    """x·σ(x) with its derivative as a number."""

    @staticmethod
    def forward(ctx, x):
        s = torch.sigmoid(x)
        ctx.slope = (s * (1 + x * (1 - s))).detach()
        return x * s

    @staticmethod
    def backward(ctx, g):
        return g * ctx.slope


class Right(torch.autograd.Function):
    """As it should be: from what is in the graph."""

    @staticmethod
    def forward(ctx, x):
        y = torch.tanh(x)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, g):
        (y,) = ctx.saved_tensors
        return g * (1 - y**2)


class Net(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function, self.low, self.high = function, nn.Linear(D, 16), nn.Linear(16, 3)

    def forward(self, x):
        return self.high(self.function(self.low(x)))


def learned(function, *, dtype=torch.float64, steps=6, later=None, horizon=3):
    """What the rule's parameters are after some steps, and what is said of its derivatives."""
    torch.manual_seed(0)
    model = Net(function).to(dtype)
    optimizer = torch.optim.SGD(model.parameters(), 0.5, momentum=0.9)
    rule = MetaWeightNet()
    learning = Learning(horizon=horizon, optimizer=lambda p: torch.optim.SGD(p, 1.0))
    clean = [data(20, 9, dtype)]
    reweigher = Reweigher(model, losses, rule=rule, clean=clean, optimizer=optimizer, learning=learning)
    for k in range(steps):
        if later is not None and k == steps // 2:
            model.function = later
        optimizer.zero_grad()
        reweigher.backward(data(16, k, dtype))
        optimizer.step()
        reweigher.after_step()
    return torch.cat([p.detach().flatten() for p in rule.net.parameters()]), reweigher.explain().splitlines()[-1]


KERNELS = [(Detached, torch.tanh), (WithoutGrad, torch.tanh), (HalfDetached, torch.tanh), (Gated, F.silu)]


@pytest.mark.parametrize("horizon", [2, 4])
@pytest.mark.parametrize(("kernel", "plain"), KERNELS)
def test_a_kernel_with_wrong_second_derivatives(kernel, plain, horizon):
    found, said = learned(kernel.apply, horizon=horizon)
    assert off(found, learned(plain, horizon=horizon)[0]) < 1e-6
    assert "not exact" in said


def test_a_kernel_that_is_switched_in_later_is_found_out_at_a_later_check():
    """Nothing that is compared tells a function from another: the checks at 8 and 16 do."""
    _, said = learned(torch.tanh, steps=40, later=Detached.apply)
    assert "not exact" in said


@pytest.mark.parametrize("function", [Right.apply, torch.tanh, F.gelu, F.softplus])
def test_no_false_alarm_right_kernels_stay_exact(function):
    found, said = learned(function)
    assert torch.isfinite(found).all()
    assert said.endswith("exact")
    assert "not exact" not in said


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_no_false_alarm_in_coarser_arithmetic(dtype):
    assert "not exact" not in learned(torch.tanh, dtype=dtype)[1]


@pytest.mark.parametrize("function", [F.relu, F.hardswish, F.leaky_relu])
def test_no_false_alarm_functions_with_a_bend(function):
    assert "not exact" not in learned(function)[1]
