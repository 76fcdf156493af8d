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
from torch.autograd.forward_ad import make_dual, unpack_dual

Size = int | Sequence[int] | str


def _parts(x: Tensor | None) -> tuple[Any, Tensor | None]:
    """A dual number's value and tangent; a constant has no tangent."""
    return (None, None) if x is None else unpack_dual(x)


def _dual(y: Tensor, tangent: Tensor | None) -> Tensor:
    return y if tangent is None else make_dual(y, tangent)


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
        others = [0, *range(2, x.ndim)]
        mean_dx = dx.mean(others)
        mean_xdx = (x * dx).mean(others) - mean * mean_dx
        of_dx = inverse if w is None else w * inverse
        of_x = -of_dx * inverse * inverse * mean_xdx
        if dw is not None:
            of_x = of_x + dw * inverse
        constant = -of_dx * mean_dx - of_x * mean
        if db is not None:
            constant = constant + db
        shape = (1, -1, *[1] * (x.ndim - 2))
        tangent = torch.addcmul(torch.addcmul(constant.view(shape), x, of_x.view(shape)), dx, of_dx.view(shape))
    return _dual(y, tangent)


def _embedding(
    function: Callable[..., Tensor],
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    *how: Any,
    **more: Any,
) -> Tensor:
    """Rows of a table. PyTorch's own rule forgets that the row of `padding_idx` is a constant."""
    if padding_idx is None or any(how) or any(more.values()):
        return function(input, weight, padding_idx, *how, **more)
    w, dw = _parts(weight)
    y = function(input, w, padding_idx, *how, **more)
    if dw is None:
        return y
    return _dual(y, function(input, dw) * (input != padding_idx % len(w)).unsqueeze(-1))


RULES: dict[Callable[..., Any], Callable[..., Any]] = {
    F.linear: _linear,
    F.conv1d: _convolution,
    F.conv2d: _convolution,
    F.conv3d: _convolution,
    F.relu: _relu,
    torch.relu: _relu,
    Tensor.relu: _relu,
    F.batch_norm: _batch_norm,
    F.embedding: _embedding,
}
"""By the function that the model calls."""


def cut_off(output: Any, inputs: Sequence[Any]) -> Any:
    """The output with its tangents' graphs dropped; what an operation changed in place is left alone."""
    if isinstance(output, Tensor):
        if not output.requires_grad or any(output is x for x in inputs):
            return output
        primal, tangent = unpack_dual(output)
        return _dual(primal, tangent.detach()) if tangent is not None and tangent.requires_grad else output
    if type(output) in (tuple, list):
        return type(output)(cut_off(part, inputs) for part in output)
    return output
