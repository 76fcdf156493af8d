"""A recorded pass held against one by Python: made without a trace first, then compared."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from reweigh import rng
from reweigh.undo import ForAWhile, lent, values_of
from reweigh.walk import Walk


class undone(ForAWhile):
    """After the block buffers and generators are as they were."""

    def __init__(self, walk: Walk) -> None:
        self._walk = walk

    def change(self) -> None:
        """Nothing but a note."""
        lent(rng.way_back(self._walk.devices))
        lent(values_of([holder[name] for holder, name in self._walk.buffers]))


def apart(replayed: Sequence[Tensor | None], found: Sequence[Tensor | None], eps: float) -> str | None:
    """How far two results are apart, where that is more than rounding in arithmetic of this roughness."""
    each = (_of_one(one, other, eps) for one, other in zip(replayed, found, strict=True) if one is not other)
    return next((told for told in each if told is not None), None)


def _of_one(one: Tensor | None, other: Tensor | None, eps: float) -> str | None:
    if one is None or other is None:
        return "a gradient where there is none, or none where there is one"
    if one.shape != other.shape or one.dtype != other.dtype:
        return f"shape {tuple(one.shape)} for {tuple(other.shape)}"
    if not one.is_floating_point():
        return None if torch.equal(one, other) else "other numbers"
    kind = torch.promote_types(one.dtype, torch.float32)
    a, b = one.detach().to(kind), other.detach().to(kind)
    size, off = float(b.norm()), float((a - b).norm())
    if math.isnan(off):  # numbers that are not finite, which the host is to see next
        return None if torch.equal(a.isfinite(), b.isfinite()) else "other numbers that are not finite"
    return None if off <= eps**0.5 * size + torch.finfo(kind).tiny else f"off by {off / size if size else off:.1e}"
