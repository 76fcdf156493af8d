"""Train-mode BatchNorm and GELU to be differentiated twice, with the second derivative in closed form.

PyTorch writes the derivative of its BatchNorm's backward pass as some thirty passes over the activations, a quarter of a
double backward pass of a ResNet, and that of GELU's as a dozen, a tenth of a Transformer's.

GELU is x·Φ(x), its second derivative φ(x)·(2 − x²), with φ and Φ of the standard normal distribution.

BatchNorm: with z = (x − μ)/σ, r = 1/σ, means m(·) over a channel of the batch, and the derivatives

    dx = γ·r·(g − m(g) − z·m(g·z))      dγ = Σ g·z      dβ = Σ g

the cotangents u of dx, p of dγ and q of dβ lead, for each channel, to multiples of u, g and z and a constant. With
A = Σ u·g − n·m(u)·m(g) − n·m(uz)·m(gz) and c = p·g − γr·(u·m(gz) + g·m(uz)) they are

    for g    γr·u + (p − γr·m(uz))·z + q − γr·m(u)
    for γ    r·A
    for x    r·(c − m(c) − z·m(c·z)) − γA·r²·z/n
"""

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable


def batch_norm(
    function: Callable[..., Tensor],
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """`F.batch_norm`, by our own function where it normalises by the batch with a weight and a bias."""
    known = training and weight is not None and bias is not None
    if not known or torch.is_autocast_enabled(input.device.type) or input.dtype.itemsize < 4 or input.is_cuda:
        return function(input, running_mean, running_var, weight, bias, training, momentum, eps)
    y: Tensor = _Forward.apply(input, weight, bias, running_mean, running_var, momentum, eps)  # type: ignore[no-untyped-call]
    return y


class _Forward(Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, mean: Any, var: Any, momentum: float, eps: float
    ) -> Tensor:
        y, centre, inverse = torch.native_batch_norm(x, weight, bias, mean, var, True, momentum, eps)
        ctx.save_for_backward(x, weight, centre, inverse)
        return y

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        return *_Backward.apply(grads[0], *ctx.saved_tensors), None, None, None, None  # type: ignore[no-untyped-call]


class _Backward(Function):
    @staticmethod
    def forward(ctx: Any, g: Tensor, x: Tensor, weight: Tensor, centre: Tensor, inverse: Tensor) -> Any:
        ctx.save_for_backward(g, x, weight, centre, inverse)
        ctx.set_materialize_grads(True)
        return _first(g, x, weight, centre, inverse, [True, True, True])

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor) -> Any:
        (u, p, q), (g, x, weight, centre, r) = cotangents, ctx.saved_tensors
        shape, n = (1, -1, *[1] * (x.ndim - 2)), x.numel() // x.shape[1]
        _, uz, u_sum = _first(u, x, weight, centre, r, [False, True, True])
        _, gz, g_sum = _first(g, x, weight, centre, r, [False, True, True])
        a = (u * g).transpose(0, 1).flatten(1).sum(1) - (u_sum * g_sum + uz * gz) / n
        scale = weight * r
        of_u, of_g = -scale * gz / n, p - scale * uz / n  # c = of_u·u + of_g·g
        c_mean, cz_mean = (of_u * u_sum + of_g * g_sum) / n, (of_u * uz + of_g * gz) / n
        for_g = _combined(shape, centre, r, q - scale * u_sum / n, p - scale * uz / n, x, (scale, u))
        for_x = _combined(
            shape, centre, r, -r * c_mean, -r * cz_mean - weight * a * r**2 / n, x, (r * of_u, u), (r * of_g, g)
        )
        return for_g, for_x, r * a, None, None


def _first(g: Tensor, x: Tensor, weight: Tensor, centre: Tensor, inverse: Tensor, wanted: list[bool]) -> Any:
    """dx, Σ g·z and Σ g, as far as they are wanted."""
    return torch.ops.aten.native_batch_norm_backward(g, x, weight, None, None, centre, inverse, True, 0.0, wanted)


def _combined(
    shape: Any, centre: Tensor, r: Tensor, constant: Tensor, of_z: Tensor, x: Tensor, *terms: tuple[Tensor, Tensor]
) -> Tensor:
    """constant + of_z·z + Σ factor·tensor, where all but x and the tensors are one number a channel."""
    of_x = of_z * r
    total = torch.addcmul((constant - of_x * centre).view(shape), x, of_x.view(shape))
    for factor, tensor in terms:
        total.addcmul_(tensor, factor.view(shape))
    return total


def gelu(function: Callable[..., Tensor], input: Tensor, approximate: str = "none") -> Tensor:
    """`F.gelu`, by our own function where it is the exact one."""
    if approximate != "none" or torch.is_autocast_enabled(input.device.type) or input.dtype.itemsize < 4:
        return function(input, approximate=approximate)
    y: Tensor = _Gelu.apply(input)  # type: ignore[no-untyped-call]
    return y


class _Gelu(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        y: Tensor = torch.ops.aten.gelu(x)
        return y

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        return _GeluBackward.apply(grads[0], *ctx.saved_tensors)  # type: ignore[no-untyped-call]


class _GeluBackward(Function):
    @staticmethod
    def forward(ctx: Any, g: Tensor, x: Tensor) -> Tensor:
        ctx.save_for_backward(g, x)
        dx: Tensor = torch.ops.aten.gelu_backward(g, x)
        return dx

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *cotangents: Tensor) -> Any:
        (u,), (g, x) = cotangents, ctx.saved_tensors
        square = x * x
        second = square.mul(-0.5).exp_().mul_(square.neg_().add_(2)).mul_(_PEAK)  # in place: memory is the bottleneck
        return torch.ops.aten.gelu_backward(u, x), second.mul_(u).mul_(g)


_PEAK = 1 / math.sqrt(2 * math.pi)

TWICE: dict[Callable[..., Any], Callable[..., Any]] = {F.batch_norm: batch_norm, F.gelu: gelu}
"""Operations with a rule for double differentiation."""
