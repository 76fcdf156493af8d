"""L2RW with a memory, and weights that throw no example away.

Two things are wrong with L2RW where examples come again and again: one visit's alignment is mostly noise, and rectified
weights leave out about half of every batch. So alignments are averaged over visits, and squashed instead of rectified:

    m_i ← mean of the example's alignments, a visit's share halving with every h visits
    w̃_i = σ(s·m_i / mean |m|)          over the batch; or max(m_i, 0), as in Ren et al. 2018
    w_i = w̃_i / Σ w̃_j                  so that the mean weight is that of plain training

An alignment is put in units of its batch's mean |a| before it is remembered, as the size of the clean gradient changes from
step to step and falls during training.
"""

import math
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from reweigh import distributed
from reweigh.errors import BadInput, NonFinite
from reweigh.rules.memory import Memory
from reweigh.rules.registry import rule
from reweigh.rules.rule import Evidence, Rule, to_sum_one

SQUASHES = ("sigmoid", "rectified")


@dataclass(frozen=True)
class SmoothedOptions:
    """The half-life of a visit, in visits of that example; what makes weights of the means; and how steep the sigmoid is."""

    half_life: float = 3.0
    squash: str = "sigmoid"
    sharpness: float = 6.0


@rule("smoothed", options=SmoothedOptions, title="smoothed L2RW")
class SmoothedL2RW(Rule):
    """Alignments averaged over an example's visits, then a sigmoid; the weights sum to one over the batch.

    Examples are known by their ids, whole numbers that stay the same from epoch to epoch (`Reweigher(ids=...)`), tokens by
    their example's and their place. A batch that is weighed a second time is another visit. With several ranks each
    remembers the visits of all, so that a sampler may deal examples anew each epoch, and any rank's checkpoint serves all.

    Args:
        half_life: after so many more visits a visit counts half; above 0.
        squash: "sigmoid", or "rectified" as L2RW does.
        sharpness: s, the factor within the sigmoid.

    Raises:
        BadInput: for a value that cannot be used.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"alignments"})

    def __init__(self, half_life: float = 3.0, squash: str = "sigmoid", sharpness: float = 6.0) -> None:
        for name, value in {"half_life": half_life, "sharpness": sharpness}.items():
            if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < math.inf:
                raise BadInput(f"{name}={value!r}: give a number above 0, such as {getattr(SmoothedOptions, name)}")
        if squash not in SQUASHES:
            raise BadInput(f"squash={squash!r} is not known: choose one of {', '.join(SQUASHES)}")
        self.half_life, self.squash, self.sharpness = float(half_life), squash, float(sharpness)
        self._memory = Memory(self.half_life)

    def weigh(self, evidence: Evidence) -> Tensor:
        """The batch's alignments remembered, and weights from the means of its examples.

        Raises:
            BadInput: if the batch has no ids that are whole numbers.
            NonFinite: if an alignment is not finite; then nothing is remembered.
        """
        with distributed.together(evidence.like.device):
            alignments, names = evidence.known("alignments").detach(), evidence.names
            if not bool(alignments.isfinite().all()):
                raise NonFinite("an alignment is not finite, so that it cannot be remembered: look at these examples")
        means = _in_units(self._visited(names, _in_units(alignments)))
        squashed = torch.sigmoid(self.sharpness * means) if self.squash == "sigmoid" else means.clamp(min=0)
        return to_sum_one(squashed.to(evidence.like.dtype))

    def _visited(self, names: list[Hashable], alignments: Tensor) -> Tensor:
        """The means of this rank's examples, (B,), once the visits of all ranks are noted."""
        if distributed.world_size() == 1:
            return self._memory.visit(names, alignments)
        visits = distributed.everywhere((names, alignments.cpu()))
        all_names = [name for part, _ in visits for name in part]
        means = self._memory.visit(all_names, torch.cat([values for _, values in visits]).to(alignments.device))
        parts: tuple[Tensor, ...] = torch.split(means, [len(part) for part, _ in visits])
        return parts[distributed.rank()]

    def state_dict(self) -> dict[str, Any]:
        """What is remembered of each example."""
        return self._memory.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up where the other left off.

        Raises:
            BadInput: if it is no such state.
        """
        memory = Memory(self.half_life)
        try:
            memory.load_state_dict(state)
        except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as wrong:
            raise BadInput(f"this is no state of a {self.name} rule: give what its state_dict() returned") from wrong
        self._memory = memory

    def __repr__(self) -> str:
        kinds = f"half_life={self.half_life}, squash={self.squash!r}, sharpness={self.sharpness}"
        return f"{type(self).__name__}({kinds})"


def _in_units(values: Tensor) -> Tensor:
    """Values in units of their mean size over all ranks, at least in single precision; zeros stay zeros.

    The largest size is taken out first, so that no sum overflows.
    """
    wide = values.to(torch.promote_types(values.dtype, torch.float32))
    largest = distributed.largest(wide.abs().amax() if wide.numel() else wide.new_zeros(()))
    scaled = wide / torch.where(largest > 0, largest, torch.ones_like(largest))
    both = distributed.summed(torch.stack([scaled.abs().sum(), scaled.new_tensor(float(len(scaled)))]))
    mean = both[0] / both[1].clamp(min=1)
    return scaled / torch.where(mean > 0, mean, torch.ones_like(mean))
