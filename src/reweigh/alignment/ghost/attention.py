"""`nn.MultiheadAttention` written out, so that its projections are seams of their own.

PyTorch's function takes the projections and the attention between them in one call. As one seam that would be right, but
the attention would be differentiated three times over. Written out, only the two projections hold parameters.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def multi_head_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> Any:
    """What `F.multi_head_attention_forward` returns, or None for the options that are left to it."""
    rare: tuple[Any, ...] = (bias_k, bias_v, static_k, static_v)
    if need_weights or add_zero_attn or query.ndim != 3 or any(option is not None for option in rare):
        return None
    length, n, width = query.shape
    if not use_separate_proj_weight and query is key and key is value:
        assert in_proj_weight is not None
        parts = list(F.linear(query, in_proj_weight, in_proj_bias).chunk(3, -1))
    else:
        weights = (q_proj_weight, k_proj_weight, v_proj_weight) if in_proj_weight is None else in_proj_weight.chunk(3)
        biases = (None, None, None) if in_proj_bias is None else in_proj_bias.chunk(3)
        parts = [
            F.linear(x, w, b) for x, w, b in zip((query, key, value), weights, biases, strict=True) if w is not None
        ]
    q, k, v = (part.unflatten(-1, (num_heads, -1)).permute(1, 2, 0, 3) for part in parts)
    mask, causal = _mask(attn_mask, key_padding_mask, q, k, is_causal)
    mixed = F.scaled_dot_product_attention(q, k, v, mask, dropout_p if training else 0.0, causal)
    return F.linear(mixed.permute(2, 0, 1, 3).reshape(length, n, width), out_proj_weight, out_proj_bias), None


def _mask(
    attn_mask: Tensor | None, key_padding_mask: Tensor | None, q: Tensor, k: Tensor, is_causal: bool
) -> tuple[Tensor | None, bool]:
    """Both masks as one that is added to the scores (n, heads, L, S); or none, where the kernel can do it."""
    if is_causal and key_padding_mask is None:
        return None, True
    mask = None if attn_mask is None else _added(attn_mask, q)
    if mask is not None and mask.ndim == 3:
        mask = mask.view(q.shape[0], -1, q.shape[2], k.shape[2])
    if key_padding_mask is not None:
        padding = _added(key_padding_mask, q)[:, None, None, :]
        mask = padding if mask is None else mask + padding
    return mask, False


def _added(mask: Tensor, like: Tensor) -> Tensor:
    if mask.dtype != torch.bool:
        return mask.to(like.dtype)
    return torch.zeros_like(mask, dtype=like.dtype).masked_fill_(mask, float("-inf"))
