"""Linear layers and convolutions to be differentiated twice: y = x∗w + b, where ∗ is bilinear.

With the derivatives dx = g∗ʷ w and dw = g∗ˣ x, the cotangents u of dx, t of dw and q of db lead to

    for g    u∗w + x∗t + q          for x    g∗ʷ t          for w    g∗ˣ u

dw itself is not computed where its value is not used (`graph_only`): one product in nine of a double backward pass.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from reweigh.alignment.double_backward.closed import Maybe, closed, known, value_unused


def linear(function: Callable[..., Tensor], input: Tensor, weight: Tensor, bias: Maybe = None) -> Tensor:
    """`F.linear`."""
    if weight.ndim != 2 or not known(input, weight, bias):
        return function(input, weight, bias)
    return closed(_Linear(), input, weight, bias)


def convolution(
    function: Callable[..., Tensor],
    input: Tensor,
    weight: Tensor,
    bias: Maybe = None,
    stride: int | Sequence[int] = 1,
    padding: int | str | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Tensor:
    """`F.conv1d`, `F.conv2d` and `F.conv3d`."""
    if isinstance(padding, str) or input.ndim != weight.ndim or not known(input, weight, bias):
        return function(input, weight, bias, stride, padding, dilation, groups)
    sides = weight.ndim - 2
    how = _Convolution(each_side(stride, sides), each_side(padding, sides), each_side(dilation, sides), groups)
    return closed(how, input, weight, bias)


def each_side(value: int | Sequence[int], sides: int) -> list[int]:
    """A convolution's stride, padding or dilation, one number a side."""
    given = [value] if isinstance(value, int) else list(value)
    return given * sides if len(given) == 1 else given


class _Product(ABC):
    @property
    @abstractmethod
    def channel(self) -> int:
        """The place of the bias in y, from the last dimension."""

    @abstractmethod
    def pytorch(self, x: Tensor, w: Tensor, b: Maybe = None) -> Tensor:
        """x∗w + b."""

    @abstractmethod
    def for_input(self, g: Tensor, x: Tensor, w: Tensor) -> Tensor:
        """g∗ʷ w, in the shape of x."""

    @abstractmethod
    def for_weight(self, g: Tensor, x: Tensor, w: Tensor) -> Tensor:
        """g∗ˣ x, in the shape of w."""

    def value(self, x: Tensor, w: Tensor, b: Maybe) -> tuple[Tensor, tuple[Tensor, ...]]:
        return self.pytorch(x, w, b), ()

    def first(self, g: Tensor, inputs: Any, kept: Any, wanted: Sequence[bool]) -> Sequence[Maybe]:
        x, w, _ = inputs
        dx = self.for_input(g, x, w) if wanted[0] else None
        if value_unused():
            none = x.new_zeros(())
            return dx, *(none.expand_as(y) if want else None for y, want in zip(inputs[1:], wanted[1:], strict=True))
        others = [side for side in range(g.ndim) if side != self.channel % g.ndim]
        db = g.sum(others) if others else g.clone()
        return dx, self.for_weight(g, x, w) if wanted[1] else None, db if wanted[2] else None

    def second(self, u: Sequence[Maybe], g: Tensor, inputs: Any, kept: Any, wanted: Sequence[bool]) -> Sequence[Maybe]:
        (of_dx, of_dw, _), (x, w, _), (by_g, by_x, by_w, _) = u, inputs, wanted
        for_g = self._for_g(u, x, w, g) if by_g else None
        for_x = self.for_input(g, x, of_dw) if of_dw is not None and by_x else None
        for_w = self.for_weight(g, of_dx, w) if of_dx is not None and by_w else None
        return for_g, for_x, for_w, None

    def _for_g(self, u: Sequence[Maybe], x: Tensor, w: Tensor, g: Tensor) -> Maybe:
        of_dx, of_dw, of_db = u
        parts = [] if of_dx is None else [self.pytorch(of_dx, w)]
        if of_dw is not None:
            parts.append(self.pytorch(x, of_dw, of_db))
        elif of_db is not None:
            parts.append(of_db.view(-1, *[1] * (-self.channel - 1)).expand_as(g))
        return parts[0].add_(parts[1]) if len(parts) == 2 else parts[0] if parts else None


class _Linear(_Product):
    """x (…, m), w (n, m)."""

    @property
    def channel(self) -> int:
        return -1

    def pytorch(self, x: Tensor, w: Tensor, b: Maybe = None) -> Tensor:
        return F.linear(x, w, b)

    def for_input(self, g: Tensor, x: Tensor, w: Tensor) -> Tensor:
        return g @ w

    def for_weight(self, g: Tensor, x: Tensor, w: Tensor) -> Tensor:
        return g.reshape(-1, g.shape[-1]).mT @ x.reshape(-1, x.shape[-1])


@dataclass(frozen=True)
class _Convolution(_Product):
    """x (B, m, …), w (n, m / groups, …)."""

    stride: Sequence[int]
    padding: Sequence[int]
    dilation: Sequence[int]
    groups: int

    @property
    def channel(self) -> int:
        return -1 - len(self.stride)

    def pytorch(self, x: Tensor, w: Tensor, b: Maybe = None) -> Tensor:
        none = [0] * len(self.stride)
        return torch.convolution(x, w, b, self.stride, self.padding, self.dilation, False, none, self.groups)

    def for_input(self, g: Tensor, x: Tensor, w: Tensor) -> Tensor:
        return self._back(g, x, w, 0)

    def for_weight(self, g: Tensor, x: Tensor, w: Tensor) -> Tensor:
        return self._back(g, x, w, 1)

    def _back(self, g: Tensor, x: Tensor, w: Tensor, which: int) -> Tensor:
        asked, none = [which == 0, which == 1, False], [0] * len(self.stride)
        found: Sequence[Tensor] = torch.ops.aten.convolution_backward(
            g, x, w, None, self.stride, self.padding, self.dilation, False, none, self.groups, asked
        )
        return found[which]
