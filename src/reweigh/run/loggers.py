"""Loggers: callbacks that hand each epoch's numbers to TensorBoard, MLflow or Weights & Biases."""

import math
from pathlib import Path
from typing import Any

from reweigh.errors import require
from reweigh.run.callbacks import Callback


def numbers(line: dict[str, Any]) -> dict[str, float]:
    """What of an epoch's line is a finite number, by name; the epoch and the step are not among it."""
    found = {name: value for name, value in line.items() if name not in ("epoch", "step")}
    return {
        name: float(value)
        for name, value in found.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    }


class TensorBoard(Callback):
    """Writes event files below `folder`.

    Raises:
        MissingExtra: if TensorBoard is not installed.
    """

    def __init__(self, folder: Path | str) -> None:
        require("tensorboard", "tensorboard")
        self._writer = require("torch.utils.tensorboard", "tensorboard").SummaryWriter(log_dir=str(folder))

    def on_epoch(self, line: dict[str, Any]) -> None:
        """A scalar for each number, at the run's step."""
        for name, value in numbers(line).items():
            self._writer.add_scalar(name, value, line["step"])
        self._writer.flush()

    def on_end(self) -> None:
        """Close the file."""
        self._writer.close()


class MLflow(Callback):
    """Logs to the active run of MLflow, or to one that it starts, with `options` of `mlflow.start_run`, and ends.

    Raises:
        MissingExtra: if MLflow is not installed.
    """

    def __init__(self, **options: Any) -> None:
        self._mlflow = require("mlflow", "mlflow")
        self._own = self._mlflow.active_run() is None
        if self._own:
            self._mlflow.start_run(**options)

    def on_epoch(self, line: dict[str, Any]) -> None:
        """Metrics at the run's step."""
        self._mlflow.log_metrics(numbers(line), step=line["step"])

    def on_end(self) -> None:
        """End the run, if it was started here."""
        if self._own:
            self._mlflow.end_run()


class WandB(Callback):
    """Logs to a new run of Weights & Biases; `options` are those of `wandb.init`, such as `mode="offline"`.

    Raises:
        MissingExtra: if wandb is not installed.
    """

    def __init__(self, **options: Any) -> None:
        self._run = require("wandb", "wandb").init(**options)

    def on_epoch(self, line: dict[str, Any]) -> None:
        """Metrics at the run's step."""
        self._run.log(numbers(line), step=line["step"])

    def on_end(self) -> None:
        """Finish the run."""
        self._run.finish()
