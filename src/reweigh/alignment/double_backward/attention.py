"""Attention to be differentiated twice: the products are PyTorch's, the softmax between them is in closed form.

PyTorch's own composition looks for rows in which everything is masked and makes a dozen temporaries as large as all scores.
With P = softmax(S) and the derivative dS = P·(g − D), D = Σ g·P over a row, a cotangent u of dS leads to

    for g    P·(u − c)      with c = Σ u·P
    for P    u·(g − D) − c·g, and from there to S as any cotangent of P
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from reweigh.alignment.double_backward.closed import Maybe, closed, known


def attention(
    function: Callable[..., Tensor],
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Maybe = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """`F.scaled_dot_product_attention`, written out where no dropout and no groups of heads are asked for."""
    if dropout_p > 0 or enable_gqa or not known(query, key, value):
        return function(query, key, value, attn_mask, dropout_p, is_causal, scale=scale, enable_gqa=enable_gqa)
    scores = scores_of(query * (query.shape[-1] ** -0.5 if scale is None else scale), key, attn_mask, is_causal)
    return closed(_Softmax(attn_mask is not None), scores) @ value


def scores_of(query: Tensor, key: Tensor, mask: Maybe, causal: bool) -> Tensor:
    """query keyᵀ with the mask; −∞ where nothing is to be attended to."""
    scores = query @ key.mT
    if causal:
        mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
    if mask is None:
        return scores
    return scores.masked_fill(~mask, float("-inf")) if mask.dtype == torch.bool else scores + mask


def weights_of(scores: Tensor, masked: bool) -> Tensor:
    """Softmax over the last dimension; a row of nothing but −∞ attends to nothing."""
    weights = scores.softmax(-1)
    return weights.masked_fill(scores.amax(-1, keepdim=True) == float("-inf"), 0) if masked else weights


@dataclass(frozen=True)
class _Softmax:
    masked: bool

    def value(self, scores: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        weights = weights_of(scores, self.masked)
        return weights, (weights,)

    def pytorch(self, scores: Tensor) -> Tensor:
        return weights_of(scores, self.masked)

    def first(self, g: Tensor, inputs: Any, kept: Any, wanted: Sequence[bool]) -> Sequence[Maybe]:
        return (_back(g, kept[0]),)

    def second(self, u: Sequence[Maybe], g: Tensor, inputs: Any, kept: Any, wanted: Sequence[bool]) -> Sequence[Maybe]:
        (of_ds,), (weights,) = u, kept
        if of_ds is None:
            return None, None
        product = g * weights
        by_g = product.sum(-1, keepdim=True)
        by_u = torch.mul(of_ds, weights, out=product).sum(-1, keepdim=True)  # in place: memory is the bottleneck
        for_weights = torch.sub(g, by_g, out=product).mul_(of_ds).addcmul_(g, by_u, value=-1)
        return _back(of_ds, weights), _back(for_weights, weights)


def _back(g: Tensor, weights: Tensor) -> Tensor:
    """weights·(g − Σ g·weights)."""
    found: Tensor = torch.ops.aten._softmax_backward_data(g, weights, -1, weights.dtype)
    return found
