"""Models that interfere with differentiation: stopped, replaced or rescaled gradients, state written in forward."""

import warnings
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations
from torch.utils.checkpoint import checkpoint

from abilities import RECOMPUTES_FORWARD
from zoo.case import CLASSES, case, vectors


class Stopped(nn.Module):
    """A trained offset that reaches the output along two ways, one of them hidden from autograd."""

    def __init__(self) -> None:
        super().__init__()
        self.offset = nn.Parameter(torch.randn(6) / 2)

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            shift = self.offset.exp()
        return (x + shift) * self.offset


class Detached(Stopped):
    def forward(self, x: Tensor) -> Tensor:
        return (x + self.offset.exp().detach()) * self.offset


def around(middle: nn.Module) -> nn.Module:
    """The awkward layer, under the name `odd`, between two ordinary ones."""
    model = nn.Sequential()
    model.add_module("stem", nn.Linear(6, 6))
    model.add_module("odd", middle)
    model.add_module("head", nn.Linear(6, CLASSES))
    return model


ODD = r"\bodd\b"
SILENT = r"\b(stem|odd)\b"  # nothing raises: what can be named is a layer whose share comes out wrong

case("no-grad-block", vectors, refused_by={"finite": SILENT})(lambda: around(Stopped()))
case("detached", vectors, refused_by={"finite": SILENT})(lambda: around(Detached()))


class PlainCube(torch.autograd.Function):
    """A custom Function as the tutorials write it: forward and backward, no jvp."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad * 3 * x**2


class OnceCube(PlainCube):
    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad * 3 * x**2


class DualCube(PlainCube):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        ctx.save_for_forward(x)
        return x**3

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return tangent * 3 * x**2


class Reversal(torch.autograd.Function):
    """Gradient reversal (domain-adversarial training): the derivative is not that of the function."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return -grad

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor) -> Tensor:
        return -tangent


class Apply(nn.Module):
    def __init__(self, function: type[torch.autograd.Function]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function.apply(x)


case("function-without-jvp", vectors, refused_by={"forward": ODD})(lambda: around(Apply(PlainCube)))
case(
    "function-once-differentiable",
    vectors,
    twice=False,
    refused_by={"forward": ODD, "double": SILENT},
    notes="autograd.grad(..., inputs=w) prunes the node that would raise, and is silently wrong",
)(lambda: around(Apply(OnceCube)))
case("function-with-jvp", vectors)(lambda: around(Apply(DualCube)))
case("gradient-reversal", vectors, refused_by={"finite": SILENT})(lambda: around(Apply(Reversal)))


class Halved(nn.Module):
    """Scales the gradient in a tensor hook, which only a backward pass sees."""

    def forward(self, x: Tensor) -> Tensor:
        y = x * 1.0
        if y.requires_grad:
            y.register_hook(lambda grad: grad / 2)
        return y


class StraightThrough(nn.Module):
    """A quantiser written with detach: a step function forward, the identity backward."""

    def forward(self, x: Tensor) -> Tensor:
        return x + (torch.round(x * 2) / 2 - x).detach()


case("gradient-hook", vectors, refused_by={"forward": SILENT, "finite": SILENT})(lambda: around(Halved()))
case("straight-through", vectors, refused_by={"finite": SILENT})(lambda: around(StraightThrough()))


class Counter(nn.Module):
    """Counts its calls and keeps a running mean, both in place, and lets the mean take part."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros((), dtype=torch.long))
        self.register_buffer("mean", torch.ones(6))

    def forward(self, x: Tensor) -> Tensor:
        out = x - self.mean
        self.calls += 1
        self.mean.mul_(0.9).add_(x.detach().mean(0), alpha=0.1)
        return out


class Reassigned(Counter):
    """The same by assignment, which leaves another tensor object behind."""

    def forward(self, x: Tensor) -> Tensor:
        out = x - self.mean
        self.calls = self.calls + 1
        self.mean = 0.9 * self.mean + 0.1 * x.detach().mean(0)
        return out


class Remembers(nn.Module):
    """Leaves its input behind as an attribute that was not there before, as attention maps often are."""

    def forward(self, x: Tensor) -> Tensor:
        self.seen = x
        return torch.tanh(x)


case("buffer-in-place", vectors)(lambda: around(Counter()))
case("buffer-reassigned", vectors)(lambda: around(Reassigned()))
case("keeps-activations", vectors)(lambda: around(Remembers()))


class Recomputed(nn.Module):
    def __init__(self, reentrant: bool) -> None:
        super().__init__()
        self.inner, self.reentrant = nn.Sequential(nn.Linear(6, 6), nn.Tanh()), reentrant

    def forward(self, x: Tensor) -> Tensor:
        return checkpoint(self.inner, x, use_reentrant=self.reentrant)


case("checkpoint", vectors, refused_by={} if RECOMPUTES_FORWARD else {"forward": "Recomputed"})(
    lambda: around(Recomputed(reentrant=False))
)
UNSERVED = dict.fromkeys(("ghost", "forward", "finite", "double", "auto"), "use_reentrant=False")
case("checkpoint-reentrant", vectors, by_backward=True, refused_by=UNSERVED)(lambda: around(Recomputed(reentrant=True)))


def hooked_weight_norm() -> nn.Module:
    """The older weight_norm, which sets the weight in a forward pre-hook."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return around(nn.utils.weight_norm(nn.Linear(6, 6)))


case("weight-norm", vectors)(lambda: around(parametrizations.weight_norm(nn.Linear(6, 6))))
case("weight-norm-hook", vectors)(hooked_weight_norm)
case("orthogonal", vectors)(lambda: around(parametrizations.orthogonal(nn.Linear(6, 6))))
case("spectral-norm-eval", vectors, train_mode=False)(lambda: around(parametrizations.spectral_norm(nn.Linear(6, 6))))
case("spectral-norm-train", vectors, notes="power iteration under no_grad, in place, in forward")(
    lambda: around(parametrizations.spectral_norm(nn.Linear(6, 6), n_power_iterations=1))
)


@case("low-rank-adapter", vectors, notes="a frozen weight plus a trained product, as LoRA has it")
class Adapter(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.frozen = nn.Linear(6, CLASSES).requires_grad_(False)
        self.down, self.up = nn.Parameter(torch.randn(2, 6)), nn.Parameter(torch.randn(CLASSES, 2))

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.frozen.weight + self.up @ self.down, self.frozen.bias)
