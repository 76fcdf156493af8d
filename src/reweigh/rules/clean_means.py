"""Class means of the clean examples' internal states, and how an example's own state lies among them."""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from reweigh import distributed
from reweigh.errors import BadInput

RELATIONS = 5
"""How many numbers `relations` gives."""
_KEPT = 0.9


@dataclass(frozen=True)
class Means:
    """Running means of one place's clean states: `rows` (C, width), zero where a class was not `seen` (C,) bool."""

    rows: Tensor
    seen: Tensor

    def with_batch(self, states: Tensor, labels: Tensor) -> "Means":
        """These means, moved a tenth of the way to those of new states (M, width); a class's first ones count whole."""
        counts = torch.zeros_like(self.rows[:, 0]).index_add_(0, labels, torch.ones_like(states[:, 0]))
        counts = distributed.summed(counts)
        # Divided before they are added up: a mean is no larger than what it is of.
        shares = states / counts.clamp(min=1)[labels, None]
        fresh = distributed.summed(torch.zeros_like(self.rows).index_add_(0, labels, shares))
        there = counts > 0
        moved = torch.where(self.seen[:, None], _KEPT * self.rows + (1 - _KEPT) * fresh, fresh)
        return Means(torch.where(there[:, None], moved, self.rows), self.seen | there)

    def to(self, dtype: torch.dtype) -> "Means":
        """The same in another precision."""
        return self if self.rows.dtype == dtype else Means(self.rows.to(dtype), self.seen)

    @classmethod
    def none(cls, classes: int, like: Tensor) -> "Means":
        """Before the first clean batch; `like` (·, width)."""
        return cls(like.new_zeros(classes, like.shape[1]), torch.zeros(classes, dtype=torch.bool, device=like.device))


def means_from(tensors: Any, classes: int) -> dict[str, Means]:
    """Means by place, from their tensors as a checkpoint holds them.

    Raises:
        BadInput: if the tensors are not such means.
    """
    try:
        means = {place: Means(**found) for place, found in (tensors or {}).items()}
        good = all(m.rows.ndim == 2 and bool(torch.isfinite(m.rows).all()) for m in means.values())
        good = good and all(len(m.rows) == classes and m.seen.shape == m.rows.shape[:1] for m in means.values())
        good = good and all(m.seen.dtype == torch.bool for m in means.values())
    except (AttributeError, TypeError) as broken:
        raise BadInput(
            "the teacher's class means are no tensors by place: give what its state_dict() returned"
        ) from broken
    if not good:
        raise BadInput(f"the teacher's class means are not {classes} finite rows each: they are another teacher's")
    return means


def similarities(states: Tensor, means: Means) -> Tensor:
    """Cosines of states (B, width) with the class means, both seen from the centre of the means: (B, C); zero if unseen.

    A single mean is its own centre, and is seen from zero.
    """
    centre = (means.rows / means.seen.sum().clamp(min=1)).sum(0) * (len(means.rows) > 1)
    towards = F.normalize(in_reach(torch.where(means.seen[:, None], means.rows - centre, 0.0)), dim=1)
    return F.normalize(in_reach(states - centre), dim=1) @ towards.T


def in_reach(rows: Tensor) -> Tensor:
    """Rows brought to a size of one, so that no square leaves float32: for what goes by their direction only."""
    return rows / rows.detach().abs().amax(1, keepdim=True).clamp(min=torch.finfo(rows.dtype).tiny)


def attention(cosines: Tensor, means: Means, sharpness: Tensor) -> Tensor:
    """Softmax of the cosines over the classes that were seen, (B, C); zeros while none was."""
    scores = (sharpness * cosines).masked_fill(~means.seen, -torch.inf)
    return scores.softmax(1) if bool(means.seen.any()) else torch.zeros_like(cosines)


def relations(cosines: Tensor, shares: Tensor, labels: Tensor) -> Tensor:
    """What tells whether an example belongs to its label, whatever the width of the state: (B, 5).

    Its cosine with the mean of its given class, the highest other one, their difference, and the same two of its attention.
    """
    given, other = _given_and_other(cosines, labels, -1.0)
    given_share, other_share = _given_and_other(shares, labels, 0.0)
    return torch.stack([given, other, given - other, given_share, other_share], 1)


def _given_and_other(values: Tensor, labels: Tensor, least: float) -> tuple[Tensor, Tensor]:
    given = values.gather(1, labels[:, None])[:, 0]
    return given, values.scatter(1, labels[:, None], least).amax(1)
