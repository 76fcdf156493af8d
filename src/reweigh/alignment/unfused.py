"""Fused kernels taken apart, so that the exact engines can differentiate through them.

Some of PyTorch's fused operations have no forward-mode rule, or no second derivative. Within `Unfused()` each call to one
of them computes the same number from operations that have both: attention by the MATH kernel, recurrent layers without
oneDNN or cuDNN, weight normalisation and bags of embeddings written out. Nothing in the model is changed.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from reweigh._torch import weight_norm, without_forward_grad
from reweigh.alignment.double_backward import CLOSED_FORMS
from reweigh.alignment.switches import PLAIN_LAYERS, UNFUSED_ATTENTION, switched
from reweigh.alignment.tangents import RULES, cut_off


def _recurrent(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    with switched(PLAIN_LAYERS):
        return function(*args, **kwargs)


def _weight_norm(_: Callable[..., Any], v: Tensor, g: Tensor, dim: int = 0) -> Any:
    if dim == -1:
        return v * (g / torch.linalg.vector_norm(v))
    others = [axis for axis in range(v.ndim) if axis != dim % v.ndim]
    return v * (g / torch.linalg.vector_norm(v, dim=others, keepdim=True))


def _embedding_bag(
    function: Callable[..., Any],
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Any:
    if mode == "max" or max_norm is not None or scale_grad_by_freq:
        return function(
            input,
            weight,
            offsets,
            max_norm,
            norm_type,
            scale_grad_by_freq,
            mode,
            sparse,
            per_sample_weights,
            include_last_offset,
            padding_idx,
        )
    flat = input.reshape(-1)
    if offsets is None:  # (bags, width): every row is a bag
        bags = torch.arange(input.shape[0], device=flat.device).repeat_interleave(input.shape[1])
        count = input.shape[0]
    else:
        starts = offsets[:-1] if include_last_offset else offsets
        count = len(starts)
        bags = torch.searchsorted(starts.contiguous(), torch.arange(len(flat), device=flat.device), right=True) - 1
    kept = torch.ones_like(flat, dtype=torch.bool) if padding_idx is None else flat != padding_idx % len(weight)
    rows = F.embedding(flat, weight, sparse=sparse) * kept.unsqueeze(1)
    if per_sample_weights is not None:
        rows = rows * per_sample_weights.reshape(-1, 1)
    summed = rows.new_zeros(count, weight.shape[1]).index_add(0, bags, rows)
    if mode == "sum":
        return summed
    sizes = torch.zeros(count, device=flat.device, dtype=rows.dtype).index_add(0, bags, kept.to(rows.dtype))
    return summed / sizes.clamp(min=1).unsqueeze(1)


WRITTEN_OUT: dict[Callable[..., Any], Callable[..., Any]] = {
    torch.lstm: _recurrent,
    torch.gru: _recurrent,
    torch.rnn_tanh: _recurrent,
    torch.rnn_relu: _recurrent,
    weight_norm(): _weight_norm,
    F.embedding_bag: _embedding_bag,
}


class Unfused(TorchFunctionMode):
    """Within the block, fused operations are written out; with `forward_mode`, `torch.no_grad` also stops tangents.

    A `no_grad` block inside a model is a constant to the backward pass, but tangents of dual numbers go through it. The
    pass itself must run with gradients enabled, so that the model's own blocks can be told apart.
    """

    def __init__(self, *, forward_mode: bool = False) -> None:
        super().__init__()
        self._forward_mode = forward_mode
        self._kernels = switched(UNFUSED_ATTENTION)

    def __enter__(self) -> "Unfused":
        self._kernels.__enter__()
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)  # type: ignore[no-untyped-call]
        self._kernels.__exit__()

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Called by PyTorch for every operation within the block."""
        kwargs = kwargs or {}
        if self._forward_mode and not torch.is_grad_enabled():
            with without_forward_grad():
                return func(*args, **kwargs)
        if (instead := WRITTEN_OUT.get(func)) is not None:
            return instead(func, *args, **kwargs)
        if not self._forward_mode:
            return CLOSED_FORMS[func](func, *args, **kwargs) if func in CLOSED_FORMS else func(*args, **kwargs)
        if (rule := RULES.get(func)) is not None:
            return cut_off(rule(func, *args, **kwargs), args)
        return cut_off(func(*args, **kwargs), args)
