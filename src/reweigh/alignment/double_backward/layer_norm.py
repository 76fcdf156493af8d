"""LayerNorm to be differentiated twice.

With z = (x − μ)·r, r = 1/σ, means m(·) and sums over the n normalised numbers of a row, G = γ·g and the projection
N(y) = r·(y − m(y) − z·m(y·z)), the derivatives are

    dx = N(G)      dγ = Σ g·z      dβ = Σ g      (the last two over the rows)

and the cotangents u of dx, p of dγ and q of dβ lead to

    for g    γ·N(u) + p·z + q
    for γ    Σ g·N(u)      (over the rows)
    for x    N(c) − z·r/n·Σ N(u)·G      with c = p·g − r·(u·m(Gz) + G·m(uz))

N is what the kernel of the backward pass computes where there is no weight.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from reweigh.alignment.double_backward.closed import Maybe, closed, filled, known


def layer_norm(
    function: Callable[..., Tensor],
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Maybe = None,
    bias: Maybe = None,
    eps: float = 1e-5,
) -> Tensor:
    """`F.layer_norm`, by our own rule where it has a weight and a bias."""
    if weight is None or bias is None or not known(input, weight, bias):
        return function(input, normalized_shape, weight, bias, eps)
    return closed(_LayerNorm(tuple(normalized_shape), eps), input, weight, bias)


@dataclass(frozen=True)
class _LayerNorm:
    shape: tuple[int, ...]
    eps: float

    def value(self, x: Tensor, weight: Tensor, bias: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        y, *kept = torch.native_layer_norm(x, self.shape, weight, bias, self.eps)
        return y, tuple(kept)

    def pytorch(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return F.layer_norm(x, self.shape, weight, bias, self.eps)

    def first(self, g: Tensor, inputs: Any, kept: Any, wanted: Sequence[bool]) -> Sequence[Maybe]:
        (x, weight, bias), (mean, r) = inputs, kept
        found: Sequence[Maybe] = torch.ops.aten.native_layer_norm_backward(
            g, x, self.shape, mean, r, weight, bias, [True, True, True]
        )
        return found

    def second(self, u: Sequence[Maybe], g: Tensor, inputs: Any, kept: Any, wanted: Sequence[bool]) -> Sequence[Maybe]:
        (x, weight, _), (mean, r) = inputs, kept
        of_dx, p, q = filled(u, inputs)
        rows, each = tuple(range(x.ndim - weight.ndim)), tuple(range(x.ndim - weight.ndim, x.ndim))
        z, projected, weighted = (x - mean).mul_(r), self._projected(of_dx, x, mean, r), g * weight
        by_uz, by_gz = (-r * (one * z).mean(each, keepdim=True) for one in (of_dx, weighted))
        for_weight = projected * g
        shift = (for_weight * weight).sum(each, keepdim=True).mul_(-r / weight.numel())
        c = (g * p).addcmul_(of_dx, by_gz).addcmul_(weighted, by_uz)
        for_x = self._projected(c, x, mean, r).addcmul_(z, shift)
        for_g = projected.mul_(weight).addcmul_(z, p).add_(q)
        return for_g, for_x, for_weight.sum(rows) if rows else for_weight, None

    def _projected(self, y: Tensor, x: Tensor, mean: Tensor, r: Tensor) -> Tensor:
        """N(y)."""
        only = [True, False, False]
        found: Tensor = torch.ops.aten.native_layer_norm_backward(y, x, self.shape, mean, r, None, None, only)[0]
        return found
