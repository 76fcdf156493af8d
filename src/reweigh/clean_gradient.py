"""The clean direction from step to step: taken anew for each batch, kept for several, or averaged over them.

With M clean examples a step, the clean gradient costs 3·M/B of the three passes that a plain step over B examples is. Two
ways make it cheaper, or its noise smaller at the same cost:

- `every=k`: one clean batch for k training batches. The direction is up to k−1 batches old. Where k batches are
  accumulated into one step of the optimizer, nothing ages, since the parameters stay: only fewer clean examples are seen.
- `average=β`: the bias-corrected exponential mean of the directions, m ← βm + (1−β)v and v̂ = m/(1−βᵗ), as Adam's first
  moment. It sees the clean examples of some 1/(1−β) batches, at parameters that are a little older.

Both are approximations; docs/performance.md says what they save and what they lose. A direction counts as used only when
the batch that it weighed was found to be finite, so that a bad batch leaves nothing behind.
"""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from reweigh import distributed
from reweigh._types import Batch
from reweigh.clean_stream import CleanStream
from reweigh.direction import direction_and_loss
from reweigh.errors import BadInput
from reweigh.sharded import spread_as
from reweigh.step import Clean
from reweigh.student import Student

Gradient = Callable[[Batch], tuple[dict[str, Tensor], Tensor]]
"""From M clean examples to their direction, by parameter name, and their mean loss, ()."""


def gradient_of(student: Student, optimizer: Optimizer | None = None, weight_decay: float = 0.0) -> Gradient:
    """The gradient that `clean_direction` takes, with all but the batch settled."""
    return functools.partial(direction_and_loss, student, optimizer=optimizer, weight_decay=weight_decay)


def over_ranks(v: dict[str, Tensor], loss: Tensor) -> tuple[dict[str, Tensor], Tensor]:
    """The direction, by parameter name, and the loss, (), of the clean batches of all ranks, which are of one size."""
    found = distributed.averaged({**v, "": loss})
    loss = found.pop("")
    return found, loss


def _as(m: Tensor, g: Tensor) -> Tensor:
    """A mean, which a checkpoint holds whole, as the direction is."""
    return spread_as(m, g).to(g.device, g.dtype)


@dataclass(frozen=True)
class _Kept:
    """The running mean of `count` directions, the last clean loss, and for how many batches it still serves."""

    mean: dict[str, Tensor]
    loss: Tensor
    count: int
    left: int


class CleanGradient:
    """Clean batches turned into the direction that each training batch is compared with.

    Args:
        stream: where clean batches come from.
        gradient: from a clean batch to its direction and loss.
        every: k, how many training batches one direction serves.
        average: β of the mean over directions; 0 for the latest alone.

    Raises:
        BadInput: if k is no whole number of at least 1, or β not from 0 to below 1.
    """

    def __init__(self, stream: CleanStream, gradient: Gradient, *, every: int = 1, average: float = 0.0) -> None:
        if not isinstance(every, int) or every < 1:
            raise BadInput(f"clean_every is {every!r}: it is a number of batches, at least 1")
        if not 0 <= average < 1:
            raise BadInput(f"clean_average is {average!r}: give a number from 0 (no mean) to below 1, such as 0.9")
        self._stream, self._gradient, self._every, self._average = stream, gradient, every, average
        self._kept: _Kept | None = None
        self._next: _Kept | None = None
        self._size = math.nan
        self.batch: Batch = None
        """The clean batch of a direction that has not been used yet."""

    @property
    def keeps(self) -> bool:
        """Whether anything is carried from one batch to the next."""
        return self._every > 1 or self._average > 0

    def next(self) -> Clean:
        """The direction for the next training batch; the same one until `used` is called, or one for another clean batch."""
        kept = self._kept
        if kept is None or kept.left < 1:
            kept = self._renewed(kept)
        self._next = replace(kept, left=kept.left - 1)
        correction = 1 - self._average**kept.count
        unbiased = kept.mean if correction == 1 else {name: m / correction for name, m in kept.mean.items()}
        return Clean(unbiased, kept.loss, self._size)

    def used(self, size: float = math.nan) -> None:
        """The batch has been weighed by the direction of `next`, of this norm, and all was finite."""
        self._size = size
        self._kept, self._next = self._next if self.keeps else None, None
        self.batch = None

    def _renewed(self, kept: _Kept | None) -> _Kept:
        self.batch = self._stream.next()
        v, loss = over_ranks(*self._of(self.batch))
        beta = self._average
        if not beta:
            return _Kept(v, loss, 1, self._every)
        mean = {name: (1 - beta) * g for name, g in v.items()}
        for name, m in kept.mean.items() if kept else ():
            mean[name] = mean[name].add_(_as(m, mean[name]), alpha=beta) if name in mean else beta * m
        return _Kept(mean, loss, 1 + (kept.count if kept else 0), self._every)

    def _of(self, batch: Batch) -> tuple[dict[str, Tensor], Tensor]:
        """The direction and loss of a batch, or their means over the examples of its parts."""
        parts = [(1, batch)] if self._stream.parted is None else self._stream.parted(batch)
        if len(parts) == 1:
            return self._gradient(parts[0][1])
        of_all, v, loss = sum(size for size, _ in parts), dict[str, Tensor](), torch.zeros(())
        for size, part in parts:
            theirs, their_loss = self._gradient(part)
            loss = loss.to(their_loss) + size / of_all * their_loss
            for name, g in theirs.items():
                v[name] = v[name].add_(g, alpha=size / of_all) if name in v else g * (size / of_all)
        return v, loss

    def state_dict(self) -> dict[str, Any] | None:
        """What is carried on: as large as the parameters; None where nothing is."""
        kept = self._kept
        if kept is None:
            return None
        return {"mean": dict(kept.mean), "loss": kept.loss, "count": kept.count, "left": kept.left}

    def load_state_dict(self, state: dict[str, Any] | None) -> None:
        """Take up where `state_dict` left off; what was carried on by other settings is dropped."""
        self._next = None
        self._kept = _Kept(**state) if state is not None and self.keeps else None
