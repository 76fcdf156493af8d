"""What is to be learnt: one class an example, any number of labels, or a number.

A task says how wrong a model is on each example, which is all that the weights need to know, and how good it is on a
test set, in numbers that people compare. One of these is *the score*, the first that `scores` gives; higher is better.
"""

import abc
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from reweigh.errors import BadInput, require


class Task(abc.ABC):
    """Losses to train by and scores to be judged by."""

    name: ClassVar[str]
    score: ClassVar[str]
    """The name of the score, as it stands in a run's metrics."""

    def __init__(self, outputs: int) -> None:
        self.outputs = outputs

    def losses(self, outputs: Tensor, y: Tensor) -> Tensor:
        """The loss of each example, (B,), of outputs (B, K) and targets y.

        Raises:
            BadInput: if the model gave something of another shape.
        """
        if outputs.shape != (len(y), self.outputs):
            raise BadInput(
                f"the model gave {tuple(outputs.shape)} for a batch of {len(y)} but the task needs "
                f"({len(y)}, {self.outputs}): let it end in {self.outputs} outputs an example"
            )
        return self._losses(outputs, y)

    @abc.abstractmethod
    def _losses(self, outputs: Tensor, y: Tensor) -> Tensor: ...

    @abc.abstractmethod
    def scores(self, outputs: Tensor, y: Tensor) -> dict[str, float]:
        """Scores of outputs (N, K) against targets y (N, ...) by their names, the score first."""


class Classification(Task):
    """One of K classes: cross entropy; accuracy and macro F1."""

    name, score = "classification", "test_accuracy"

    def _losses(self, outputs: Tensor, y: Tensor) -> Tensor:
        return F.cross_entropy(outputs, y, reduction="none")

    def scores(self, outputs: Tensor, y: Tensor) -> dict[str, float]:
        """Share of right answers, and F1 averaged over the classes."""
        predicted = outputs.argmax(1)
        f1 = _metrics().f1_score(y.numpy(), predicted.numpy(), average="macro", zero_division=0)
        return {"test_accuracy": float((predicted == y).sum()) / len(y), "test_macro_f1": float(f1)}


class MultiLabel(Task):
    """Any of K labels: binary cross entropy, averaged over the labels; mean average precision and macro F1."""

    name, score = "multi-label", "test_mean_average_precision"

    def _losses(self, outputs: Tensor, y: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(outputs, y, reduction="none").mean(1)

    def scores(self, outputs: Tensor, y: Tensor) -> dict[str, float]:
        """Average precision over the labels that occur in the test set, and F1 where a label is given above 1/2."""
        metrics, there = _metrics(), y.any(0)
        truth, logits = y[:, there].numpy().astype(int), outputs[:, there].numpy()
        if not truth.shape[1]:
            return {"test_mean_average_precision": float("nan"), "test_macro_f1": float("nan")}
        return {
            "test_mean_average_precision": float(metrics.average_precision_score(truth, logits, average="macro")),
            "test_macro_f1": float(metrics.f1_score(truth, logits > 0, average="macro", zero_division=0)),
        }


class Regression(Task):
    """A number: Huber's loss on the standardised target; R² and the mean absolute error in the target's own units.

    Huber's loss is the squared error up to one standard deviation and goes on as a line: a target that is wrong by a mile
    does not outweigh its whole batch. `scale` is (mean, standard deviation) of the target.
    """

    name, score = "regression", "test_r2"

    def __init__(self, outputs: int = 1, scale: tuple[float, float] = (0.0, 1.0)) -> None:
        super().__init__(outputs)
        self.scale = scale

    def _losses(self, outputs: Tensor, y: Tensor) -> Tensor:
        return F.huber_loss(outputs[:, 0], y, reduction="none")

    def scores(self, outputs: Tensor, y: Tensor) -> dict[str, float]:
        """R² (NaN for a single example) and the mean absolute error."""
        value = outputs[:, 0]
        r2 = float(_metrics().r2_score(y.numpy(), value.numpy())) if len(y) > 1 else float("nan")
        return {"test_r2": r2, "test_mae": self.scale[1] * float((value - y).abs().mean())}


SCORES: Mapping[str, str] = {
    "test_accuracy": "accuracy",
    "test_macro_f1": "macro F1",
    "test_mean_average_precision": "mean average precision",
    "test_r2": "R²",
    "test_mae": "mean absolute error",
}
"""Scores as people call them."""
NOT_SHARES = frozenset({"test_r2", "test_mae"})
"""Scores that are no share of anything, and so are not shown in percent."""


def task_named(name: str, outputs: int, scale: tuple[float, float] = (0.0, 1.0)) -> Task:
    """The task of that name ("classification", "multi-label" or "regression") for a model of K outputs."""
    if name == "regression":
        return Regression(outputs, scale)
    return Classification(outputs) if name == "classification" else MultiLabel(outputs)


def score_text(name: str, value: float | None, digits: int = 2) -> str:
    """A score as people read it: shares in percent, others as numbers; a dash where it is not known."""
    if value is None or value != value:
        return "–"
    return f"{value:.{digits + 1}f}" if name in NOT_SHARES else f"{100 * value:.{digits}f} %"


def probabilities(task: str, outputs: Tensor) -> Tensor:
    """What outputs (B, K) mean: the classes' probabilities, each label's own, or the standardised value itself."""
    if task == "regression":
        return outputs
    return outputs.softmax(1) if task == "classification" else torch.sigmoid(outputs)


def _metrics() -> Any:
    return require("sklearn.metrics", "cli")
