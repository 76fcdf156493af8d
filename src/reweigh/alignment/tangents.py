"""Forward-mode rules of our own for the layers that cost the most.

PyTorch's dual numbers are right here too, but dear: where the parameters require gradients, the tangents get a graph that
nobody will ever go back through, and all of it is kept until the pass ends; BatchNorm's rule makes some fifteen
temporaries. The rules below compute the value as PyTorch would, graph and all, and the tangent without one. Every other
operation goes through PyTorch's own rule, and its tangent is cut off from the graph at once (`cut_off`).
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from reweigh._torch import dual, unpacked
from reweigh.alignment.double_backward.attention import scores_of, weights_of
from reweigh.alignment.switches import ANY_ATTENTION, switched

Size = int | Sequence[int] | str


def _parts(x: Tensor | None) -> tuple[Any, Tensor | None]:
    """A dual number's value and tangent; a constant has no tangent."""
    return (None, None) if x is None else unpacked(x)


def _dual(y: Tensor, tangent: Tensor | None) -> Tensor:
    return y if tangent is None else dual(y, tangent)


def _bilinear(function: Callable[..., Tensor], input: Tensor, weight: Tensor, bias: Tensor | None, *how: Any) -> Tensor:
    """The product rule for y = function(x, w) + b, which is bilinear in x and w: linear layers and convolutions."""
    (x, dx), (w, dw), (b, db) = _parts(input), _parts(weight), _parts(bias)
    y = function(x, w, b, *how)
    with torch.no_grad():
        tangent = None if dx is None else function(dx, w, None, *how)
        if dw is not None or db is not None:
            of_parameters = function(x, torch.zeros_like(w) if dw is None else dw, db, *how)
            tangent = of_parameters if tangent is None else tangent.add_(of_parameters)
    return _dual(y, tangent)


def _linear(function: Callable[..., Tensor], input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    return _bilinear(function, input, weight, bias)


def _convolution(
    function: Callable[..., Tensor],
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Tensor:
    return _bilinear(function, input, weight, bias, stride, padding, dilation, groups)


def _elementwise(function: Callable[..., Tensor], input: Tensor, *how: Any, **more: Any) -> Tensor:
    """A function of each number by itself: worked out once more for the tangent, which is cheaper than keeping a graph."""
    x, dx = _parts(input)
    if dx is None or more.get("inplace") or any(isinstance(h, bool) and h for h in how):
        return function(input, *how, **more)
    y = function(x, *how, **more)
    return _dual(y, unpacked(function(dual(x.detach(), dx), *how, **more))[1])


def _gelu(function: Callable[..., Tensor], input: Tensor, approximate: str = "none") -> Tensor:
    x, dx = _parts(input)
    y = function(x, approximate=approximate)
    return _dual(y, None if dx is None else torch.ops.aten.gelu_backward(dx, x.detach(), approximate=approximate))


def _relu(function: Callable[..., Tensor], input: Tensor, inplace: bool = False) -> Tensor:
    if inplace:
        return function(input, inplace=True)
    x, dx = _parts(input)
    y = function(x)
    return _dual(y, None if dx is None else torch.ops.aten.threshold_backward(dx, y.detach(), 0))


def _batch_norm(
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
    """By the batch's own statistics, y = w·x̂ + b with x̂ = (x − μ)/σ. With means over a channel of the batch,

        dy = w/σ·(dx − mean(dx) − x̂·mean(x̂·dx)) + dw·x̂ + db,

    which is one multiple of dx, one of x and a constant for each channel.
    """
    (x, dx), (w, dw), (b, db) = _parts(input), _parts(weight), _parts(bias)
    if not training or dx is None or torch.is_autocast_enabled(x.device.type) or x.dtype.itemsize < 4:
        return function(input, running_mean, running_var, weight, bias, training, momentum, eps)
    y, mean, inverse = torch.native_batch_norm(x, w, b, running_mean, running_var, True, momentum, eps)
    with torch.no_grad():
        # Two of the three results of the backward kernel are the reductions wanted: Σ dx·x̂ and Σ dx over a channel.
        _, along, total = torch.ops.aten.native_batch_norm_backward(
            dx, x, w, None, None, mean, inverse, True, eps, [False, True, True]
        )
        n = x.numel() // x.shape[1]
        of_dx = inverse if w is None else w * inverse
        of_x = ((0 if dw is None else dw) - of_dx * along / n) * inverse
        constant = (0 if db is None else db) - of_dx * total / n - of_x * mean
        shape = (1, -1, *[1] * (x.ndim - 2))
        tangent = torch.addcmul(constant.view(shape), x, of_x.view(shape)).addcmul_(dx, of_dx.view(shape))
    return _dual(y, tangent)


def _layer_norm(
    function: Callable[..., Tensor],
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """As `_batch_norm`, with the means over the last dimensions of each example."""
    (x, dx), (w, dw), (b, db) = _parts(input), _parts(weight), _parts(bias)
    if dx is None or torch.is_autocast_enabled(x.device.type) or x.dtype.itemsize < 4:
        return function(input, normalized_shape, weight, bias, eps)
    y, mean, inverse = torch.native_layer_norm(x, normalized_shape, w, b, eps)
    with torch.no_grad():
        # The derivative of x̂ is a symmetric matrix, so the backward kernel without a weight is its forward rule too.
        tangent = torch.ops.aten.native_layer_norm_backward(
            dx, x, normalized_shape, mean, inverse, None, None, [True, False, False]
        )[0]
        if w is not None:
            tangent = tangent.mul_(w)
        if dw is not None:
            tangent = tangent.addcmul_((x - mean).mul_(inverse), dw)
        if db is not None:
            tangent = tangent.add_(db)
    return _dual(y, tangent)


def _attention(
    function: Callable[..., Tensor],
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """softmax(q kᵀ·scale + mask) v. The value comes from whatever kernel is fastest; the tangent is written out."""
    if dropout_p > 0 or enable_gqa or torch.is_autocast_enabled(query.device.type):
        return function(query, key, value, attn_mask, dropout_p, is_causal, scale=scale, enable_gqa=enable_gqa)
    (q, dq), (k, dk), (v, dv) = _parts(query), _parts(key), _parts(value)
    attn_mask, dm = _parts(attn_mask)
    with switched(ANY_ATTENTION):
        y = function(q, k, v, attn_mask, is_causal=is_causal, scale=scale)
    with torch.no_grad():
        factor = q.shape[-1] ** -0.5 if scale is None else scale
        weights = weights_of(scores_of(q * factor, k, attn_mask, is_causal), attn_mask is not None)
        terms = [] if dv is None else [weights @ dv]
        scores = [a @ b.mT for a, b in ((dq, k), (q, dk)) if a is not None and b is not None]
        moves = [sum(scores[1:], scores[0]) * factor] if scores else []
        if dm is not None:
            moves.append(dm)
        if moves:
            moved = weights * sum(moves[1:], moves[0])
            terms.append(torch.addcmul(moved, weights, moved.sum(-1, keepdim=True), value=-1) @ v)
        tangent = sum(terms[1:], terms[0]) if terms else None
    return _dual(y, tangent)


def _embedding(
    function: Callable[..., Tensor],
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """Rows of a table. PyTorch's own rule forgets that the row of `padding_idx` is a constant."""
    if padding_idx is None or max_norm is not None or scale_grad_by_freq or sparse:
        return function(input, weight, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse)
    w, dw = _parts(weight)
    y = function(input, w, padding_idx)
    if dw is None:
        return y
    return _dual(y, function(input, dw) * (input != padding_idx % len(w)).unsqueeze(-1))


def _add(function: Callable[..., Tensor], input: Any, other: Any, **how: Any) -> Tensor:
    """A sum of two dual numbers of one shape and kind, as at the end of a residual block.

    By PyTorch's rule the sum is a dual number before its tangent can be cut off, and whatever saves it for the backward pass
    then saves its tangent too.
    """
    both = isinstance(input, Tensor) and isinstance(other, Tensor) and not how
    if not both or input.shape != other.shape or input.dtype != other.dtype:
        return function(input, other, **how)
    (x, dx), (z, dz) = _parts(input), _parts(other)
    if dx is None or dz is None:
        return function(input, other)
    y = function(x, z)
    with torch.no_grad():
        tangent = dx + dz
    return _dual(y, tangent)


_ELEMENTWISE = (F.silu, F.elu, F.leaky_relu, F.hardswish, F.softplus, torch.tanh, torch.sigmoid, Tensor.tanh)

RULES: dict[Callable[..., Any], Callable[..., Any]] = {
    F.linear: _linear,
    F.conv1d: _convolution,
    F.conv2d: _convolution,
    F.conv3d: _convolution,
    torch.add: _add,
    Tensor.add: _add,  # and the sign +
    F.relu: _relu,
    torch.relu: _relu,
    Tensor.relu: _relu,
    F.batch_norm: _batch_norm,
    F.gelu: _gelu,
    F.embedding: _embedding,
    F.layer_norm: _layer_norm,
    F.scaled_dot_product_attention: _attention,
    **dict.fromkeys(_ELEMENTWISE, _elementwise),
}
"""By the function that the model calls."""


def cut_off(output: Any, inputs: Sequence[Any]) -> Any:
    """The output with its tangents' graphs dropped; what an operation changed in place is left alone."""
    if isinstance(output, Tensor):
        if not output.requires_grad or any(output is x for x in inputs):
            return output
        primal, tangent = unpacked(output)
        return _dual(primal, tangent.detach()) if tangent is not None and tangent.requires_grad else output
    if type(output) in (tuple, list):
        return type(output)(cut_off(part, inputs) for part in output)
    return output
