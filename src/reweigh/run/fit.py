"""The training loop that the command line, the estimators and the recipes share: for each batch, weigh, step, tell."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from reweigh._types import Batch
from reweigh.batches import Parts
from reweigh.errors import Overflow
from reweigh.reweigher import Reweigher
from reweigh.run.callbacks import Callback, Step
from reweigh.run.loss_scale import LossScale


@dataclass
class Trainer:
    """How a step is taken, and of which rows.

    Attributes:
        batches: from an epoch's number, from 0, to its batches: the rows (B,) of each, and what the model is given of them,
            `Parts` where several batches make one step.
        rate: from the steps done to the learning rate of the next; None leaves it as the optimizer has it.
        backward: leaves the weighted gradient in `.grad`, (losses, weights) of a batch; None: `reweigher.backward`.
        scale: of the losses, in float16; a step whose gradient overflows is left out.
        done: how many batches were trained on, those left out among them; as many steps, but for `Parts`.
    """

    reweigher: Reweigher
    optimizer: torch.optim.Optimizer
    batches: Callable[[int], Iterable[tuple[Tensor, Batch]]]
    rate: Callable[[int], float] | None = None
    backward: Callable[[Batch], tuple[Tensor, Tensor]] | None = None
    scale: LossScale | None = None
    done: int = 0

    def step(self, rows: Tensor, batch: Batch) -> Step | None:
        """Take a step on a batch, which is of these rows (B,) of the training set; None where weighing overflowed.

        Raises:
            NonFinite: if a loss or the clean gradient stops being a finite number; the sentence names the examples. With a
                scale, gradients may overflow a few times in a row.
        """
        if self.rate is not None:
            for group in self.optimizer.param_groups:
                group["lr"] = self.rate(self.done)
        batches = len(batch) if isinstance(batch, Parts) else 1
        self.optimizer.zero_grad()
        try:
            losses, weights = (self.backward or self.reweigher.backward)(batch)
        except Overflow:
            if self.scale is None:
                raise
            self.scale.overflowed()
            self.done += batches
            return None
        taken = self._take()
        self.done += batches
        return Step(self.done, rows, batch, losses, weights, self.reweigher.report, taken)

    def _take(self) -> bool:
        """The optimizer's step; whether it was one."""
        if self.scale is None:
            self.optimizer.step()
            self.reweigher.after_step()
            return True
        self.scale.unscale(self.optimizer)
        self.reweigher.after_backward()
        if not self.scale.step(self.optimizer):
            return False
        try:
            self.reweigher.after_step()
        except Overflow:  # the student's step stands, and its rule learns after the next one
            self.scale.overflowed()
        return True


def fit(trainer: Trainer, epochs: Iterable[int], callbacks: Sequence[Callback] = ()) -> None:
    """Train for these epochs; each callback is told of every step and epoch, in their order.

    Raises:
        NonFinite: as `Trainer.step`.
    """
    for epoch in epochs:
        for rows, batch in trainer.batches(epoch):
            step = trainer.step(rows, batch)
            if step is None:
                continue
            for callback in callbacks:
                callback.on_step(step)
        line: dict[str, Any] = {"epoch": epoch + 1}
        ended = [callback.on_epoch(line) for callback in callbacks]  # each is asked
        if any(ended):
            break
    for callback in callbacks:
        callback.on_end()


def batches_of(
    batch: Callable[[Tensor], Batch], portions: Callable[[int], Iterable[Tensor]]
) -> Callable[[int], Iterable[tuple[Tensor, Batch]]]:
    """A trainer's batches where `batch` takes rows (B,) out of something in memory, and `portions` says an epoch's rows."""
    return lambda epoch: ((rows, batch(rows)) for rows in portions(epoch))
