"""Who looks on while a model is trained."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from reweigh._types import Batch
from reweigh.step import StepReport


@dataclass(frozen=True)
class Step:
    """A step that has been taken.

    Attributes:
        done: how many batches the run has trained on with this step.
        rows: (B,) the rows of the training set, `batch` what the model was given of them, `Parts` where these are several.
        losses, weights: (B,).
        report: what else was found out about the batch; None of a step that was not weighed.
        taken: whether the optimizer made it; not where gradients overflowed in float16.
    """

    done: int
    rows: Tensor
    batch: Batch
    losses: Tensor
    weights: Tensor
    report: StepReport | None
    taken: bool = True


class Callback:
    """Does nothing at each of the three moments; override those that matter."""

    def on_step(self, step: Step) -> None:
        """A step has been taken."""

    def on_epoch(self, line: dict[str, Any]) -> bool | None:
        """An epoch is complete; `line` is what is known of it, and may be added to. True ends training here."""

    def on_end(self) -> None:
        """Training is over, and was not broken off."""
