"""Ordinal regression, as anybody would write it outside the package: grades that have an order.

A model gives K - 1 numbers, one for each question "is the grade above k?" (Niu et al. 2016; CORAL shares
their slopes).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.metrics import cohen_kappa_score
from torch import Tensor

from reweigh.errors import BadInput
from reweigh.tasks import Groups, Judged, Measure, Targets, Task, Words


@dataclass(frozen=True)
class Ordinal(Task):
    """One of K grades, in their order: y is the place of the grade, (N,) int64."""

    measures: ClassVar = (
        Measure("test_kappa", "weighted kappa", share=False, doubtful=0.5),
        Measure("test_grades_off", "mean grades off", share=False),
    )
    words: ClassVar = Words(
        "grade", "grades", "each grade", "given grade", "Examples by grade", "more than a grade away", "the grade"
    )
    has_classes: ClassVar = True

    @classmethod
    def fit(cls, train: Targets, others: Sequence[Targets] = ()) -> Self:
        """All whole numbers from the least to the highest grade."""
        found = np.concatenate([targets.numbers() for targets in (train, *others)])
        found = found[np.isfinite(found)]
        if not len(found) or (found != np.floor(found)).any() or found.min() == found.max():
            raise BadInput(f"{train.names[0]!r} of {train.where} has no grades: give whole numbers, at least two")
        return cls(tuple(str(grade) for grade in range(int(found.min()), int(found.max()) + 1)), train.names)

    def encode(self, targets: Targets) -> Tensor:
        """How far above the least grade."""
        places = np.nan_to_num(targets.numbers() - int(self.classes[0]))
        if (places != np.floor(places)).any() or places.min() < 0 or places.max() >= len(self.classes):
            raise BadInput(f"{targets.where} has grades that are not among {', '.join(self.classes)}: correct them")
        return torch.from_numpy(places.astype(np.int64))

    @property
    def outputs(self) -> int:
        """One less than there are grades."""
        return len(self.classes) - 1

    def _losses(self, outputs: Tensor, y: Tensor) -> Tensor:
        above = (y[:, None] > torch.arange(self.outputs)).to(outputs.dtype)
        return F.binary_cross_entropy_with_logits(outputs, above, reduction="none").sum(1)

    def scores(self, outputs: Tensor, y: Tensor) -> dict[str, float]:
        """Quadratically weighted kappa, and the mean distance in grades."""
        said = self.probabilities(outputs).argmax(1)
        kappa = cohen_kappa_score(y.numpy(), said.numpy(), weights="quadratic", labels=range(len(self.classes)))
        return {"test_kappa": float(kappa), "test_grades_off": float((said - y).abs().double().mean())}

    def predict(self, outputs: Tensor) -> Tensor:
        """The likeliest grade's place."""
        return self.probabilities(outputs).argmax(1)

    def probabilities(self, outputs: Tensor) -> Tensor:
        """(N, K): what lies between the answers to two questions that follow each other."""
        above = outputs.sigmoid().cummin(1).values
        return torch.cat([torch.ones(len(above), 1), above], 1) - torch.cat([above, torch.zeros(len(above), 1)], 1)

    def judge(self, outputs: Tensor, y: Tensor) -> Judged:
        """The likeliest grade."""
        likely = self.probabilities(outputs)
        best = likely.max(1)
        return Judged(best.indices, best.values, likely.gather(1, y[:, None])[:, 0])

    def contradicts(self, given: Any, suggested: Any) -> Any:
        """A neighbouring grade is no contradiction."""
        return np.abs(given - suggested) > 1

    def told(self, label: Any) -> str:
        """The grade as it stands in the file."""
        return self.classes[int(label)]

    def groups(self, given: Any, suggested: Any) -> Groups:
        """The examples of each grade."""
        return Groups(self.classes, given, suggested)
