"""A number: Huber's loss on the standardised target; R² and the mean absolute error in the target's own units.

Huber's loss is the squared error up to one standard deviation and goes on as a line: a target that is wrong by a mile
does not outweigh its whole batch.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from reweigh.errors import BadInput, require
from reweigh.rightness.judging import OF_NUMBERS, Judging
from reweigh.tasks.answers import Answers
from reweigh.tasks.checks import check_targets
from reweigh.tasks.learners import Learner, OfNumbers
from reweigh.tasks.measures import Measure
from reweigh.tasks.numbers import Numbers
from reweigh.tasks.registry import task
from reweigh.tasks.spoken import Judged
from reweigh.tasks.targets import BoolArray, FloatArray, Targets
from reweigh.words import shown

FEW = 20
"""Different numbers with fractions that may still be classes."""

MANY = 200
"""Different whole numbers, or a twentieth of the rows, that are classes no longer."""


@task("regression")
@dataclass(frozen=True)
class Regression(Numbers):
    """A number an example: y is (value - mean) / deviation, (N,) float32."""

    measures: ClassVar = (
        Measure("test_r2", "R²", share=False, doubtful=0.5),
        Measure("test_mae", "mean absolute error", share=False),
    )
    answers: ClassVar = Answers.NUMBER

    @classmethod
    def takes(cls, y: Tensor) -> bool:
        """One number an example."""
        return y.is_floating_point() and y.ndim < 2

    @classmethod
    def found_in(cls, targets: Targets) -> str | None:
        """So many different numbers that nobody would call them classes."""
        numbers, different = targets.different_numbers(), len(targets.words().values)
        if numbers is None:
            return None
        if (numbers != np.floor(numbers)).any():
            return f"{different:,} different numbers" if different > FEW else None
        many = different > MANY and different > len(targets) / 20
        return f"{different:,} different whole numbers" if many else None

    @classmethod
    def fit(cls, train: Targets, others: Sequence[Targets] = ()) -> Self:
        """The mean and the deviation of the training target."""
        values = train.numbers()
        values = values[np.isfinite(values)]
        with np.errstate(over="ignore", invalid="ignore"):
            mean, deviation = (float(values.mean()), float(values.std())) if values.size else (0.0, 0.0)
        if not (deviation > 0 and np.isfinite(deviation)):
            raise BadInput(
                f"the target {shown(train.names[0])} of {train.where} does not vary: name a column of different numbers"
            )
        return cls(train.names[:1], train.names, (mean, deviation), train.writing())

    def missing(self, targets: Targets) -> BoolArray:
        """(N,) the rows without a number."""
        return np.asarray(np.isnan(self._values(targets)))

    def encode(self, targets: Targets) -> Tensor:
        """Standardised values (N,) float32."""
        scaled = (self._values(targets) - self.scale[0]) / self.scale[1]
        return torch.from_numpy(np.nan_to_num(scaled).astype(np.float32))

    def notes(self, files: Sequence[Targets]) -> list[str]:
        """How the numbers were read, where that was a choice."""
        said = ((targets, targets.otherwise(self.writing)) for targets in files[1:])
        name = shown(self.targets[0])
        notes = [f"cells of the target {name} of {targets.where} {sentence}" for targets, sentence in said if sentence]
        return [*files[0].how_read(), *notes]

    def check(self, y: Tensor, ids: Tensor, what: str = "label") -> None:
        """y are finite numbers (N,)."""
        check_targets(y, len(self.classes), ids, what=what)

    def _losses(self, outputs: Tensor, y: Tensor) -> Tensor:
        return F.huber_loss(outputs[:, 0], y, reduction="none")

    def scores(self, outputs: Tensor, y: Tensor) -> dict[str, float]:
        """R² (NaN for a single example) and the mean absolute error."""
        value = outputs[:, 0]
        metrics = require("sklearn.metrics", "cli")
        r2 = float(metrics.r2_score(y.numpy(), value.numpy())) if len(y) > 1 else float("nan")
        return {"test_r2": r2, "test_mae": self.scale[1] * float((value - y).abs().mean())}

    def learner(self, classifier: Callable[[], Any], regressor: Callable[[], Any]) -> Learner:
        """The regressor."""
        return OfNumbers(regressor)

    def predict(self, outputs: Tensor) -> Tensor:
        """Values (N,) float64."""
        return self.in_units(outputs[:, 0])

    def judge(self, outputs: Tensor, y: Tensor) -> Judged:
        """The standardised value, whose probability is not known."""
        unknown = torch.full_like(y, float("nan"))
        return Judged(outputs[:, 0], unknown, unknown)

    @property
    def judging(self) -> Judging:
        """By how far a number is from what is foretold."""
        return OF_NUMBERS

    def in_units(self, y: Tensor) -> Tensor:
        """Values float64."""
        return y.double() * self.scale[1] + self.scale[0]

    def caption(self, y: Tensor) -> str:
        """In standard deviations."""
        return f"{float(y):+.2f} σ"

    def _values(self, targets: Targets) -> FloatArray:
        return targets.numbers(self.writing)
