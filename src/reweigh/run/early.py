"""Ending in time: the epoch is chosen by checked examples that are held back, never by the test set."""

import copy
from typing import Any

from torch import nn

from reweigh.run.callbacks import Callback

LOSS = "validation_loss"
"""What an epoch's line calls the mean loss on the examples that are held back."""


class EarlyStopping(Callback):
    """Ends training when the loss on the held-back examples has not fallen for `patience` epochs; the best model comes out.

    Attributes:
        epoch: the best epoch so far, from 1; 0 before the first.
    """

    def __init__(self, model: nn.Module, patience: int) -> None:
        self._model, self._patience = model, patience
        self.epoch, self._loss = 0, float("inf")
        self._best: dict[str, Any] = {}

    def on_epoch(self, line: dict[str, Any]) -> bool:
        """Keep the model if it is the best so far; True where it is time to end."""
        if line[LOSS] < self._loss or not self.epoch:
            self.epoch, self._loss = line["epoch"], line[LOSS]
            self._best = copy.deepcopy(self._model.state_dict())
        return bool(line["epoch"] - self.epoch >= self._patience)

    def on_end(self) -> None:
        """The model is the best one."""
        self._model.load_state_dict(self._best)

    def state_dict(self) -> dict[str, Any]:
        """All that a resume needs."""
        return {"epoch": self.epoch, "loss": self._loss, "best": self._best}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to a saved state."""
        self.epoch, self._loss, self._best = int(state["epoch"]), float(state["loss"]), dict(state["best"])
