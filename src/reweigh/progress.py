"""What has been counted in a run: batches, the last of them reported, and what is watched from batch to batch."""

from dataclasses import replace
from typing import Any

from torch import Tensor

from reweigh.step import Clean, GradientWatch, StepReport, report
from reweigh.weightless import Weightless, why_nothing


class Progress:
    """What has been counted, and what is watched."""

    def __init__(self) -> None:
        self.step = 0
        self.report: StepReport | None = None
        self.watch, self.weightless = GradientWatch(), Weightless()

    def count(
        self, weights: Tensor, alignments: Tensor | None, losses: Tensor | None, clean: Clean | None, ids: Any
    ) -> None:
        """A batch was weighed.

        Raises:
            NonFinite: as `report`; then nothing is counted.
        """
        self.report = report(self.step + 1, weights, alignments, losses, clean, ids)
        self.step += 1

    def meta_step(self, alignments: Tensor | None, clean: Clean) -> None:
        """A rule has learned from the step: what the batch's report could not know before."""
        if self.report is not None:
            norm, loss = clean.size, float(clean.loss)
            self.report = replace(self.report, alignments=alignments, direction_norm=norm, clean_loss=loss)
            self.see()

    def see(self, *, undecided: bool = False) -> None:
        """Take note of the last report where it knows of the clean side; an engine may be undecided still."""
        if self.report is not None:
            self.watch.see(self.report.direction_norm)
            self.weightless.see(why_nothing(self.report, undecided=undecided))

    def holds(self) -> tuple[object, ...]:
        """All objects that a call changes."""
        return self, self.watch, self.weightless
