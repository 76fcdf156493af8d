"""Batches in a row that teach nothing: weights of zero are right for one batch, and a silent end of training for many."""

import warnings
from typing import Any

from reweigh.step import StepReport

PATIENCE = 3
"""So many weighed batches in a row without a direction, an alignment or a checked engine are said, once."""


class Weightless:
    """Counts weighed batches in a row by which nothing could be told, and warns once at the third."""

    def __init__(self) -> None:
        self._count, self._warned = 0, False

    def see(self, why: str) -> None:
        """Take note of a weighed batch: why it told nothing, or "" where it did."""
        self._count = self._count + 1 if why else 0
        if self._count == PATIENCE and not self._warned:
            self._warned = True
            warnings.warn(f"for {PATIENCE} batches in a row {why}", stacklevel=4)

    def state_dict(self) -> dict[str, Any]:
        """The count, and whether the warning was given."""
        return {"count": self._count, "warned": self._warned}

    def load_state_dict(self, state: dict[str, Any] | None) -> None:
        """Take up where `state_dict` left off."""
        if state is not None:
            self._count, self._warned = state["count"], state["warned"]


NO_DIRECTION = (
    "the clean gradient was exactly zero, so no example gets a weight and nothing is trained: the clean loss is flat (the "
    "clean set is fitted, or the loss is saturated or clipped at zero); add or augment clean examples, smooth the loss, or "
    "stop here"
)
NO_ALIGNMENT = (
    "all alignments were exactly zero, so no example gets a weight and nothing is trained: the training losses do not move "
    "along the clean gradient (they are saturated or clipped at zero, or the clean loss trains other parameters than "
    "they); check both losses"
)
UNDECIDED = (
    "the engine could not be checked, since the batches prove nothing (losses that are not finite, or no signal that "
    "reaches the layers); look at the losses, or start from a head that is not zero"
)


def why_nothing(step: StepReport, *, undecided: bool = False) -> str:
    """Why a batch that was weighed told nothing; "" where it did. `undecided`: no engine has passed its check so far."""
    if step.direction_norm == 0:
        return NO_DIRECTION
    if step.zero_share == 1 and step.alignments is not None and not bool(step.alignments.any()):
        return NO_ALIGNMENT
    return UNDECIDED if undecided else ""
