"""The vocabulary of single operations: what a rule is told and what it gives.

An operation's parameters enter it affinely. If v is the direction and δ_i the gradient that arrives at the output of the
example i, its share of the alignment is therefore

    ⟨δ_i, f(x_i; v_w, v_b)⟩        one more call of the operation, with the direction in the parameters' place, or
    ⟨G_i, v⟩                       with G_i = ∂⟨δ_i, f(x_i)⟩/∂w, the example's own gradient.

The second costs no more where an example has many positions (the tokens of a sentence, the pixels of a picture), and then
Σ w_i G_i is the weighted gradient, for next to nothing. It is taken where the G_i need no more memory than what they stand
for.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from reweigh.alignment.ghost.layout import Layout

Arguments = dict[str, Any]
"""An operation's arguments by name."""


@dataclass(frozen=True)
class Arrival:
    """What a rule is told: the arguments of the call, the gradient δ that arrived, and where its n examples lie."""

    arguments: Arguments
    delta: Tensor
    rows: Layout
    n: int

    def first(self, tensor: Tensor) -> Tensor:
        """A tensor laid out as δ is, examples first."""
        return self.rows.first(tensor, self.n)


@dataclass(frozen=True)
class Wanted:
    """The parameters that take part, and those among them along which the direction moves."""

    names: frozenset[str]
    moving: frozenset[str]


PerSampleGrads = Callable[[Arrival, Wanted], Mapping[str, Tensor]]
"""The examples' own gradients (n, *parameter shape) by argument name, where that is the cheaper form."""

Run = Callable[[Arguments], tuple[Tensor, tuple[Tensor, ...]] | None]
"""The operation by a call that also returns what `Together` needs; None where that cannot be had."""

Together = Callable[[Arrival, tuple[Tensor, ...]], tuple[Tensor, Mapping[str, Tensor]]]
"""The input's gradient and the examples' own, from one kernel."""


@dataclass(frozen=True)
class Kernels:
    """An operation's backward pass in parts, so that none of it needs a graph.

    Attributes:
        fit: whether they can serve a call with these arguments.
        to_input: the gradient of the input, from the arguments and δ.
        summed: the gradients of the named parameters summed over the examples, likewise.
    """

    fit: Callable[[Arguments], bool]
    to_input: Callable[[Arguments, Tensor], Tensor]
    summed: Callable[[Arguments, Tensor, frozenset[str]], Mapping[str, Tensor]]


@dataclass(frozen=True)
class ProductRule:
    """One operation: its arguments' names in order, the parameters among them, and how many output dimensions may hold
    the examples (counted from the front; negative: from the back).
    """

    names: tuple[str, ...]
    leading: int
    per_sample_grads: PerSampleGrads
    parameters: tuple[str, ...] = ("weight", "bias")
    run: Run | None = None
    together: Together | None = None
    kernels: Kernels | None = None

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
    if function is torch.addmm:  # which calls its arguments otherwise
        first, named = [arguments.pop(name) for name in ("bias", "input", "weight")], arguments
        return torch.addmm(*first, **named)
    out: Tensor = function(**arguments)
    return out


def _rows_of_the_table(arguments: Arguments) -> Tensor:
    """Looked up as they are: neither rescaled (`max_norm`) nor moved at `padding_idx`, whose row is a constant."""
    out = F.embedding(arguments["input"], arguments["weight"])
    padding = arguments.get("padding_idx")
    if padding is None:
        return out
    kept: Tensor = arguments["input"] != padding % len(arguments["weight"])
    return out * kept.unsqueeze(-1)


def of_bias(arrival: Arrival, axis: int) -> Tensor:
    """δ summed over everything but the examples and the channels, which lie along `axis` (from the back)."""
    delta = arrival.first(arrival.delta)
    others = [a for a in range(1, delta.ndim) if a != delta.ndim + axis]
    return delta.sum(others) if others else delta
