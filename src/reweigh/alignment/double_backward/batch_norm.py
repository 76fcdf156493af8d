"""Train-mode BatchNorm to be differentiated twice.

PyTorch writes the derivative of its backward pass as some thirty passes over the activations, a quarter of a double backward
pass of a ResNet. With z = (x − μ)/σ, r = 1/σ, means m(·) over a channel of the batch, and the derivatives

    dx = γ·r·(g − m(g) − z·m(g·z))      dγ = Σ g·z      dβ = Σ g

the cotangents u of dx, p of dγ and q of dβ lead, for each channel, to multiples of u, g and z and a constant. With
A = Σ u·g − n·m(u)·m(g) − n·m(uz)·m(gz) and c = p·g − γr·(u·m(gz) + g·m(uz)) they are

    for g    γr·u + (p − γr·m(uz))·z + q − γr·m(u)
    for γ    r·A
    for x    r·(c − m(c) − z·m(c·z)) − γA·r²·z/n
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from reweigh.alignment.double_backward.closed import Maybe, closed, filled, known


def batch_norm(
    function: Callable[..., Tensor],
    input: Tensor,
    running_mean: Maybe,
    running_var: Maybe,
    weight: Maybe = None,
    bias: Maybe = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """`F.batch_norm`, by our own rule where it normalises by the batch with a weight and a bias."""
    if not training or weight is None or bias is None or input.is_cuda or not known(input, weight, bias):
        return function(input, running_mean, running_var, weight, bias, training, momentum, eps)
    return closed(_BatchNorm(running_mean, running_var, momentum, eps), input, weight, bias)


@dataclass(frozen=True)
class _BatchNorm:
    mean: Maybe
    var: Maybe
    momentum: float
    eps: float

    def value(self, x: Tensor, weight: Tensor, bias: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        y, *kept = torch.native_batch_norm(x, weight, bias, self.mean, self.var, True, self.momentum, self.eps)
        return y, tuple(kept)

    def pytorch(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return F.batch_norm(x, None, None, weight, bias, True, 0.0, self.eps)

    def first(self, g: Tensor, inputs: Any, kept: Any, wanted: Sequence[bool]) -> Sequence[Maybe]:
        (x, weight, _), (centre, r) = inputs, kept
        found: Sequence[Maybe] = _first(g, x, weight, centre, r, [True, True, True])
        return found

    def second(self, u: Sequence[Maybe], g: Tensor, inputs: Any, kept: Any, wanted: Sequence[bool]) -> Sequence[Maybe]:
        (x, weight, _), (centre, r) = inputs, kept
        of_dx, p, q = filled(u, inputs)
        shape, n = (1, -1, *[1] * (x.ndim - 2)), x.numel() // x.shape[1]
        _, uz, u_sum = _first(of_dx, x, weight, centre, r, [False, True, True])
        _, gz, g_sum = _first(g, x, weight, centre, r, [False, True, True])
        a = (of_dx * g).transpose(0, 1).flatten(1).sum(1) - (u_sum * g_sum + uz * gz) / n
        scale = weight * r
        of_u, of_g = -scale * gz / n, p - scale * uz / n  # c = of_u·u + of_g·g
        c_mean, cz_mean = (of_u * u_sum + of_g * g_sum) / n, (of_u * uz + of_g * gz) / n
        for_g = _combined(shape, centre, r, q - scale * u_sum / n, p - scale * uz / n, x, (scale, of_dx))
        for_x = _combined(
            shape, centre, r, -r * c_mean, -r * cz_mean - weight * a * r**2 / n, x, (r * of_u, of_dx), (r * of_g, g)
        )
        return for_g, for_x, r * a, None


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
