"""Convolutions: an example's own gradient by one call of the backward kernel for each, where examples are large.

On a CPU a large picture keeps the kernel as busy as a batch does, so the examples' own gradients cost what their sum costs.
For small pictures, and on accelerators, one more convolution along the direction is cheaper.
"""

from typing import Any

import torch
from torch import Tensor

from reweigh.alignment.double_backward.product import each_side
from reweigh.alignment.ghost.products import Arguments, Arrival, Kernels, Wanted, of_bias

LARGE = 8e6
"""Products an example from which on a kernel call of its own pays."""


def convolution(arrival: Arrival, wanted: Wanted) -> dict[str, Tensor]:
    """The rule for conv1d, conv2d and conv3d."""
    found = transposed(arrival, wanted)
    if "weight" in wanted.moving and _pays(arrival):
        found["weight"] = _one_by_one(arrival)
    return found


def transposed(arrival: Arrival, wanted: Wanted) -> dict[str, Tensor]:
    """The rule for transposed convolutions: the bias only."""
    return {"bias": of_bias(arrival, 1 - arrival.delta.ndim)} if "bias" in wanted.moving else {}


def _pays(arrival: Arrival) -> bool:
    x, weight, delta = arrival.arguments["input"], arrival.arguments["weight"], arrival.delta
    if delta.device.type != "cpu" or arrival.rows.inner or isinstance(arrival.arguments.get("padding"), str):
        return False
    one_output, one_input, one_channel = (t.numel() // max(len(t), 1) for t in (delta, x, weight))
    return bool(one_channel * one_output >= LARGE and weight.numel() <= one_output + one_input)


def _one_by_one(arrival: Arrival) -> Tensor:
    weight, x = arrival.arguments["weight"], arrival.arguments["input"]
    found: Tensor = x.new_empty(arrival.n, *weight.shape, dtype=arrival.delta.dtype)
    for out, delta, example in zip(found, arrival.delta.split(1), x.detach().split(1), strict=True):
        out.copy_(_kernel({**arrival.arguments, "input": example}, delta, [False, True, False])[1])
    return found


def _fit(arguments: Arguments) -> bool:
    x, weight = arguments["input"], arguments["weight"]
    return not isinstance(arguments.get("padding"), str) and bool(x.ndim == weight.ndim and x.dtype == weight.dtype)


def _to_input(arguments: Arguments, delta: Tensor) -> Tensor:
    found: Tensor = _kernel(arguments, delta, [True, False, False])[0]
    return found


def _summed(arguments: Arguments, delta: Tensor, names: frozenset[str]) -> dict[str, Tensor]:
    _, weight, bias = _kernel(arguments, delta, [False, "weight" in names, "bias" in names])
    return {"weight": weight, "bias": bias}


KERNELS = Kernels(_fit, _to_input, _summed)


def _kernel(arguments: Arguments, delta: Tensor, mask: list[bool]) -> tuple[Any, Any, Any]:
    x, weight = (arguments[name].detach().to(delta.dtype) for name in ("input", "weight"))
    axes = x.ndim - 2
    how = [each_side(arguments.get(name, 1 - (name == "padding")), axes) for name in ("stride", "padding", "dilation")]
    found: tuple[Any, Any, Any] = torch.ops.aten.convolution_backward(
        delta, x, weight, [weight.shape[0]], *how, False, [0] * axes, arguments.get("groups", 1), mask
    )
    return found
