"""What is known of single operations: how their output moves with their parameters.

Every operation here is affine in its weight and bias. If v is the direction and δ_i the gradient that arrives at the
output of the example i, its share of the alignment is therefore

    ⟨δ_i, f(x_i; v_w, v_b)⟩        one more call of the operation, with the direction in the parameters' place, or
    ⟨G_i, v⟩                       with G_i = ∂⟨δ_i, f(x_i)⟩/∂w, the example's own gradient.

The second costs no more where an example has many positions (the tokens of a sentence, the pixels of a picture), and then
Σ w_i G_i is the weighted gradient, for next to nothing. It is taken where the G_i need no more memory than what they stand
for. An operation that is not listed is served by PyTorch's forward-mode rule for it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from reweigh.alignment.ghost.rows import Rows

Arguments = dict[str, Any]
"""An operation's arguments by name."""


@dataclass(frozen=True)
class Arrival:
    """What a rule is told: the arguments of the call, the gradient δ that arrived, and where its n examples lie."""

    arguments: Arguments
    delta: Tensor
    rows: Rows
    n: int

    def first(self, tensor: Tensor) -> Tensor:
        """A tensor laid out as δ is, examples first."""
        return self.rows.first(tensor, self.n)


Own = Callable[[Arrival, frozenset[str]], Mapping[str, Tensor]]
"""The examples' own gradients (n, *parameter shape) by argument name, for those wanted for which it is the cheaper form."""


@dataclass(frozen=True)
class Rule:
    """One operation: its arguments' names in order, the parameters among them, and how many output dimensions may hold
    the examples (counted from the front; negative: from the back).
    """

    names: tuple[str, ...]
    leading: int
    own: Own
    parameters: tuple[str, ...] = ("weight", "bias")

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Arguments:
        """The arguments of a call by name."""
        return {**dict(zip(self.names, args, strict=False)), **kwargs}

    def leading_of(self, output: Tensor) -> int:
        """How many of the first dimensions of the output may hold the examples."""
        return self.leading if self.leading >= 0 else max(output.ndim + self.leading, 0)


def moved(function: Callable[..., Tensor], arrival: Arrival, tangents: Mapping[str, Tensor]) -> Tensor:
    """The operation with the direction in the parameters' place: how far the output moves along it."""
    arguments = dict(arrival.arguments)
    dtype = arrival.delta.dtype  # autocast was on when the operation ran, and may be off now
    for name, value in arguments.items():
        if isinstance(value, Tensor) and value.is_floating_point():
            arguments[name] = value.detach().to(dtype)
    for name in ("weight", "bias"):
        if arguments.get(name) is not None:
            like = arguments[name]
            arguments[name] = tangents[name].to(dtype) if name in tangents else torch.zeros_like(like)
    if function is F.embedding:
        return _rows_of_the_table(arguments)
    return function(**arguments)


def _rows_of_the_table(arguments: Arguments) -> Tensor:
    """Looked up as they are: neither rescaled (`max_norm`) nor moved at `padding_idx`, whose row is a constant."""
    out = F.embedding(arguments["input"], arguments["weight"])
    padding = arguments.get("padding_idx")
    if padding is None:
        return out
    return out * (arguments["input"] != padding % len(arguments["weight"])).unsqueeze(-1)


def _of_bias(arrival: Arrival, axis: int) -> Tensor:
    """δ summed over everything but the examples and the channels, which lie along `axis` (from the back)."""
    delta = arrival.first(arrival.delta)
    others = [a for a in range(1, delta.ndim) if a != delta.ndim + axis]
    return delta.sum(others) if others else delta


def _linear(arrival: Arrival, wanted: frozenset[str]) -> dict[str, Tensor]:
    found = {"bias": _of_bias(arrival, -1)} if "bias" in wanted else {}
    if "weight" in wanted:
        delta, x = arrival.first(arrival.delta), arrival.first(arrival.arguments["input"].detach())
        delta, x = (t.reshape(arrival.n, -1, t.shape[-1]) for t in (delta, x))
        positions, outputs, inputs = x.shape[1], delta.shape[2], x.shape[2]
        if outputs * inputs <= positions * (outputs + inputs):
            found["weight"] = delta.mT @ x.to(delta.dtype)
    return found


def _convolution(arrival: Arrival, wanted: frozenset[str]) -> dict[str, Tensor]:
    channels = 1 - arrival.delta.ndim
    return {"bias": _of_bias(arrival, channels)} if "bias" in wanted else {}


def _normalised(function: Callable[..., Tensor], channels_second: bool) -> Own:
    """y = w·x̂ + b: the gradient of w is δ·x̂ summed over the positions, that of b is δ summed."""

    def own(arrival: Arrival, wanted: frozenset[str]) -> dict[str, Tensor]:
        delta = arrival.delta
        parameter = arrival.arguments["weight" if "weight" in wanted else "bias"]
        axes = [1] if channels_second else list(range(delta.ndim - parameter.ndim, delta.ndim))
        found = {}
        for name in wanted:
            terms = delta
            if name == "weight":
                terms = delta * _without_parameters(function, arrival)
            kept = arrival.first(terms)
            back = [axis - delta.ndim for axis in axes]
            others = [a for a in range(1, kept.ndim) if a - kept.ndim not in back]
            found[name] = kept.sum(others) if others else kept
        return found

    return own


def _without_parameters(function: Callable[..., Tensor], arrival: Arrival) -> Tensor:
    """x̂, and no second update of running statistics."""
    plain = {k: v for k, v in arrival.arguments.items() if k not in ("weight", "bias")}
    plain["input"] = plain["input"].detach().to(arrival.delta.dtype)
    if plain.get("training") or plain.get("use_input_stats"):
        plain |= {"running_mean": None, "running_var": None}
    return function(**plain)


def _nothing(arrival: Arrival, wanted: frozenset[str]) -> dict[str, Tensor]:
    return {}


_CONVOLUTION = Rule(("input", "weight", "bias", "stride", "padding", "dilation", "groups"), 1, _convolution)
_TRANSPOSED = Rule(
    ("input", "weight", "bias", "stride", "padding", "output_padding", "groups", "dilation"), 1, _convolution
)

RULES: dict[Callable[..., Any], Rule] = {
    F.linear: Rule(("input", "weight", "bias"), -1, _linear),
    F.conv1d: _CONVOLUTION,
    F.conv2d: _CONVOLUTION,
    F.conv3d: _CONVOLUTION,
    F.conv_transpose1d: _TRANSPOSED,
    F.conv_transpose2d: _TRANSPOSED,
    F.conv_transpose3d: _TRANSPOSED,
    F.layer_norm: Rule(
        ("input", "normalized_shape", "weight", "bias", "eps"), -1, _normalised(F.layer_norm, channels_second=False)
    ),
    F.rms_norm: Rule(
        ("input", "normalized_shape", "weight", "eps"),
        -1,
        _normalised(F.rms_norm, channels_second=False),
        parameters=("weight",),
    ),
    F.group_norm: Rule(
        ("input", "num_groups", "weight", "bias", "eps"), 1, _normalised(F.group_norm, channels_second=True)
    ),
    F.batch_norm: Rule(
        ("input", "running_mean", "running_var", "weight", "bias", "training", "momentum", "eps"),
        1,
        _normalised(F.batch_norm, channels_second=True),
    ),
    F.instance_norm: Rule(
        ("input", "running_mean", "running_var", "weight", "bias", "use_input_stats", "momentum", "eps"),
        1,
        _normalised(F.instance_norm, channels_second=True),
    ),
    F.embedding: Rule(
        ("input", "weight", "padding_idx", "max_norm", "norm_type", "scale_grad_by_freq", "sparse"),
        -1,
        _nothing,
        parameters=("weight",),
    ),
}
"""By the function that the model calls."""

