"""What has been counted in a run, and how a step that fails leaves nothing behind.

Whatever a step changes beside the parameters (running statistics, generators, counters, a rule, its optimizer, recorded
steps, a kept direction) hands out a function that puts it back, before the step. A step that raises, for a number that is
not finite or for an error of the user's own, calls them all: the next good batch finds everything as if the bad one had
never come. Only the clean stream has moved on, so that a bad clean batch is passed by.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from reweigh import rng
from reweigh.step import Clean, GradientWatch, StepReport, report


@contextlib.contextmanager
def whole(*restores: Callable[[], None]) -> Iterator[None]:
    """What the block does counts whole or not at all: if it raises, everything is put back."""
    try:
        yield
    except BaseException:
        for restore in restores:
            restore()
        raise


def passing(module: nn.Module) -> Callable[[], None]:
    """What puts back all that a training pass moves beside gradients: buffers (running statistics), torch's generators."""
    parts = list(module.modules())  # one walk, since a deep model takes a while
    places = [(part._buffers, dict(part._buffers)) for part in parts if part._buffers]
    values = [(b, b.detach().clone()) for _, found in places for b in found.values() if b is not None]
    generators = rng.states({p.device for part in parts for p in part._parameters.values() if p is not None})

    def restore() -> None:
        for place, found in places:
            place.clear()
            place.update(found)
        for buffer, value in values:
            if not torch.equal(buffer, value):
                buffer.copy_(value)
        rng.set_states(generators)

    return restore


class Progress:
    """What has been counted: batches, the last of them reported, and the watch over the clean gradient."""

    def __init__(self) -> None:
        self.step = 0
        self.report: StepReport | None = None
        self.watch = GradientWatch()

    def count(
        self, weights: Tensor, alignments: Tensor | None, losses: Tensor | None, clean: Clean | None, ids: Any
    ) -> None:
        """A batch was weighed.

        Raises:
            NonFinite: as `report`; then nothing is counted.
        """
        self.report = report(self.step + 1, weights, alignments, losses, clean, ids)
        self.step += 1

    def learned(self, alignments: Tensor | None, clean: Clean) -> None:
        """A rule has learned from the step: what the batch's report could not know before."""
        if self.report is not None:
            norm, loss = clean.size, float(clean.loss)
            self.report = replace(self.report, alignments=alignments, direction_norm=norm, clean_loss=loss)
            self.watch.see(norm)

    def keep(self) -> Callable[[], None]:
        """What puts all back to how it is now."""
        step, last, watched = self.step, self.report, self.watch.state_dict()

        def restore() -> None:
            self.step, self.report = step, last
            self.watch.load_state_dict(watched)

        return restore
