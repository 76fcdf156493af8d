"""What is known of single operations, by the function that the model calls.

An operation that is not listed is served by PyTorch's forward-mode rule for it.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from reweigh.alignment.ghost.convolution import KERNELS, convolution, transposed
from reweigh.alignment.ghost.norms import group_norm_together, normalised, run_group_norm
from reweigh.alignment.ghost.products import Arguments, Arrival, Kernels, ProductRule, Wanted, of_bias


def _linear(arrival: Arrival, wanted: Wanted) -> dict[str, Tensor]:
    found = {"bias": of_bias(arrival, -1)} if "bias" in wanted.moving else {}
    if "weight" in wanted.moving:
        delta, x = arrival.first(arrival.delta), arrival.first(arrival.arguments["input"].detach())
        delta, x = (t.reshape(arrival.n, -1, t.shape[-1]) for t in (delta, x))
        positions, outputs, inputs = x.shape[1], delta.shape[2], x.shape[2]
        if outputs * inputs <= positions * (outputs + inputs):
            found["weight"] = delta.mT @ x.to(delta.dtype)
    return found


def _linear_fits(arguments: Arguments) -> bool:
    x, weight = arguments["input"], arguments["weight"]
    return bool(weight.ndim == 2 and x.dtype == weight.dtype)


def _linear_to_input(arguments: Arguments, delta: Tensor) -> Tensor:
    weight: Tensor = arguments["weight"].detach()
    return delta @ weight


def _linear_summed(arguments: Arguments, delta: Tensor, names: frozenset[str]) -> dict[str, Tensor]:
    flat, x = delta.reshape(-1, delta.shape[-1]), arguments["input"].detach()
    found = {"weight": flat.mT @ x.reshape(-1, x.shape[-1])} if "weight" in names else {}
    return {**found, "bias": flat.sum(0)} if "bias" in names else found


def _addmm_fits(arguments: Arguments) -> bool:
    """A sum with a matrix may be one with the examples' own numbers, which the kernel hands nothing back to."""
    if arguments.keys() != {"bias", "input", "weight"}:
        return False
    x, weight, bias = arguments["input"], arguments["weight"], arguments["bias"]
    return bool(x.dtype == weight.dtype and bias.ndim == 1)


def _addmm_to_input(arguments: Arguments, delta: Tensor) -> Tensor:
    weight: Tensor = arguments["weight"].detach()
    return delta @ weight.mT


def _addmm_summed(arguments: Arguments, delta: Tensor, names: frozenset[str]) -> dict[str, Tensor]:
    found = {"weight": arguments["input"].detach().mT @ delta} if "weight" in names else {}
    return {**found, "bias": delta.sum(0)} if "bias" in names else found


def _nothing(arrival: Arrival, wanted: Wanted) -> dict[str, Tensor]:
    return {}


_LINEAR = Kernels(_linear_fits, _linear_to_input, _linear_summed)
_ADDMM = Kernels(_addmm_fits, _addmm_to_input, _addmm_summed)
_CONVOLUTION = ProductRule(
    ("input", "weight", "bias", "stride", "padding", "dilation", "groups"), 1, convolution, kernels=KERNELS
)
_TRANSPOSED = ProductRule(
    ("input", "weight", "bias", "stride", "padding", "output_padding", "groups", "dilation"), 1, transposed
)

RULES: dict[Callable[..., Any], ProductRule] = {
    F.linear: ProductRule(("input", "weight", "bias"), -1, _linear, kernels=_LINEAR),
    torch.addmm: ProductRule(("bias", "input", "weight"), 1, _nothing, kernels=_ADDMM),  # as GPT-2 of transformers
    F.conv1d: _CONVOLUTION,
    F.conv2d: _CONVOLUTION,
    F.conv3d: _CONVOLUTION,
    F.conv_transpose1d: _TRANSPOSED,
    F.conv_transpose2d: _TRANSPOSED,
    F.conv_transpose3d: _TRANSPOSED,
    F.layer_norm: ProductRule(
        ("input", "normalized_shape", "weight", "bias", "eps"), -1, normalised(F.layer_norm, channels_second=False)
    ),
    F.rms_norm: ProductRule(
        ("input", "normalized_shape", "weight", "eps"),
        -1,
        normalised(F.rms_norm, channels_second=False),
        parameters=("weight",),
    ),
    F.group_norm: ProductRule(
        ("input", "num_groups", "weight", "bias", "eps"),
        1,
        normalised(F.group_norm, channels_second=True),
        run=run_group_norm,
        together=group_norm_together,
    ),
    F.batch_norm: ProductRule(
        ("input", "running_mean", "running_var", "weight", "bias", "training", "momentum", "eps"),
        1,
        normalised(F.batch_norm, channels_second=True),
    ),
    F.instance_norm: ProductRule(
        ("input", "running_mean", "running_var", "weight", "bias", "use_input_stats", "momentum", "eps"),
        1,
        normalised(F.instance_norm, channels_second=True),
    ),
    F.embedding: ProductRule(
        ("input", "weight", "padding_idx", "max_norm", "norm_type", "scale_grad_by_freq", "sparse"),
        -1,
        _nothing,
        parameters=("weight",),
    ),
}
"""By the function that the model calls."""
