"""What has been counted in a run: batches, the last of them reported, and what is watched from batch to batch."""

from dataclasses import replace
from typing import Any

from torch import Tensor

from reweigh.step import Clean, GradientWatch, StepReport, report
from reweigh.tokens import at_places
from reweigh.weightless import Weightless, why_nothing


class Progress:
    """What has been counted, and what is watched."""

    def __init__(self, then: str | None = None) -> None:
        self.step = 0
        self.report: StepReport | None = None
        self.watch, self.weightless = GradientWatch(then), Weightless()

    def count(
        self,
        weights: Tensor,
        alignments: Tensor | None,
        losses: Tensor | None,
        clean: Clean | None,
        ids: Any,
        counts: Tensor | None = None,
    ) -> None:
        """A batch was weighed; `counts` where its numbers are those of tokens.

        Raises:
            NonFinite: as `report`; then nothing is counted.
        """
        found = report(self.step + 1, weights, alignments, losses, clean, ids)
        self.report = replace(found, alignments=_placed(alignments, counts), counts=counts)
        self.step += 1

    def meta_step(self, alignments: Tensor | None, clean: Clean) -> None:
        """A rule has learned from the step: what the batch's report could not know before."""
        if self.report is not None:
            norm, loss = clean.size, float(clean.loss)
            alignments = _placed(alignments, self.report.counts)
            self.report = replace(self.report, alignments=alignments, direction_norm=norm, clean_loss=loss)
            self.see()

    def see(self, *, undecided: bool = False) -> None:
        """Take note of the last report where it knows of the clean side; an engine may be undecided still."""
        if self.report is not None:
            self.watch.see(self.report.direction_norm, self.step)
            self.weightless.see(why_nothing(self.report, undecided=undecided))

    def holds(self) -> tuple[object, ...]:
        """All objects that a call changes."""
        return self, self.watch, self.weightless


def _placed(alignments: Tensor | None, counts: Tensor | None) -> Tensor | None:
    return alignments if alignments is None or counts is None else at_places(alignments, counts)
