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


def residual(rows: Layout, one: Tensor, weighted: Tensor, c: Tensor) -> float:
    """How far the gradient under weights c is from c times that under weights of one, if the examples lie there."""
    wide = torch.promote_types(one.dtype, torch.float32)
    expected = one.to(wide) * rows.spread(c.to(one.device, c.dtype), one.shape).to(wide)
    return float((weighted.to(wide) - expected).norm() / weighted.to(wide).norm())
