"""Where the examples lie in a tensor.

Most operations keep them along the first dimension. Some models put time first, (T, B, width), or fold time into the
examples, (B·T, width) or (T·B, width). The shape alone tells which, unless two dimensions happen to have the same size or
are folded into one. Then it is proven: with losses weighted by random c_i, the gradient that arrives at the example i must
be c_i times what arrives with weights of one, so only the true arrangement fits. And where several rows are one example's,
it must be seen how they came to be as many for each (`origins.py`): bags of instances are as they come.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

_NO_RIVAL = 3.0
"""How much larger than the residual that fits the next best one must be."""
_MANY, _PART = 2**14, 16
"""Where a gradient has so many numbers, a part of them is looked at first."""


@dataclass(frozen=True)
class Layout:
    """The examples lie along `dim`; with `inner`, they are folded there with something else, as the faster index or not.

    `inner` is "time" where dim is (B·r): rows of one example lie side by side; "examples" where it is (r·B).
    """

    dim: int
    inner: str | None = None

    @property
    def folded(self) -> bool:
        """Whether several rows belong to an example."""
        return self.inner is not None

    def first(self, tensor: Tensor, n: int) -> Tensor:
        """The tensor with its n examples along a dimension of their own, the first: (n, ...), a view."""
        if self.inner is None:
            return tensor.movedim(self.dim, 0)
        sizes = (n, -1) if self.inner == "time" else (-1, n)
        unfolded: Tensor = tensor.unflatten(self.dim, sizes)
        return unfolded.movedim(self.dim + (self.inner == "examples"), 0)

    def spread(self, weights: Tensor, shape: Sequence[int]) -> Tensor:
        """The weights of the examples (n,), laid out so that they multiply a tensor of this shape."""
        times = shape[self.dim] // len(weights)
        if self.inner == "time":
            weights = weights.repeat_interleave(times)
        elif self.inner == "examples":
            weights = weights.repeat(times)
        return weights.view([-1 if axis == self.dim else 1 for axis in range(len(shape))])


def candidates(shape: Sequence[int], n: int, leading: int) -> list[Layout]:
    """How n examples can lie in the leading dimensions of a tensor of this shape: every way, so that none is overlooked."""
    if n == 1 and leading:
        return [Layout(0, None if shape[0] == 1 else "time")]  # one example owns everything
    axes = range(min(leading, len(shape)))
    whole = [Layout(axis) for axis in axes if shape[axis] == n]
    folded = [axis for axis in axes if shape[axis] > n and shape[axis] % n == 0]
    return whole + [Layout(axis, inner) for axis in folded for inner in ("time", "examples")]


def fitting(
    possible: Sequence[Layout], one: Tensor, weighted: Tensor, c: Tensor, limit: float
) -> tuple[Layout | None, bool]:
    """The arrangement by which the gradient under weights c is c times that under weights of one, up to a residual of
    `limit`, or None; and whether it is the only one that fits, by far.

    A residual over a part of the numbers is a lower bound. It rules out nearly every rival, without going through all.
    """
    size = float(weighted.to(torch.promote_types(weighted.dtype, torch.float32)).norm())
    if len(possible) > 1 and one.numel() >= _MANY:
        part = slice(None, max(one.shape[-1] // _PART, 1))
        possible = [rows for rows in possible if not _left(rows, one, weighted, c, part) > _NO_RIVAL * limit * size]
    off = sorted((residual(rows, one, weighted, c, size), str(rows), rows) for rows in possible)
    if not off or not off[0][0] <= limit:
        return None, False
    return off[0][2], len(off) == 1 or off[1][0] > max(_NO_RIVAL * off[0][0], limit)


def residual(rows: Layout, one: Tensor, weighted: Tensor, c: Tensor, size: float) -> float:
    """How far the gradient under weights c, of norm `size`, is from c times that under weights of one, if the examples lie
    there; relative.
    """
    left = _left(rows, one, weighted, c, slice(None))
    return left / size if size else float("inf")


def _left(rows: Layout, one: Tensor, weighted: Tensor, c: Tensor, part: slice) -> float:
    """The norm of what is left of the gradient, over a part of the last dimension."""
    wide = torch.promote_types(one.dtype, torch.float32)
    factor = rows.spread(c.to(one.device, c.dtype), one.shape).to(wide).expand(one.shape)
    expected = one[..., part].to(wide) * factor[..., part]
    return float(expected.sub_(weighted[..., part].to(wide)).norm())
