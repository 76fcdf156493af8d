"""Any of L labels an example: binary cross entropy, averaged over the labels; mean average precision and macro F1."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from reweigh.errors import BadInput, require
from reweigh.rightness.judging import OF_LABELS, Judging
from reweigh.tasks.answers import Answers
from reweigh.tasks.checks import check_targets
from reweigh.tasks.groups import Groups
from reweigh.tasks.labels import in_order, spelling_notes, unseen
from reweigh.tasks.learners import Learner, OfLabels
from reweigh.tasks.measures import Measure
from reweigh.tasks.registry import task
from reweigh.tasks.spoken import Judged, Words
from reweigh.tasks.targets import Array, BoolArray, Targets
from reweigh.tasks.task import Task, differs
from reweigh.words import listed, shown


@task("multi-label")
@dataclass(frozen=True)
class MultiLabel(Task):
    """Any number of labels an example: y are zeros and ones, (N, L) float32."""

    measures: ClassVar = (
        Measure("test_mean_average_precision", "mean average precision"),
        Measure("test_macro_f1", "macro F1"),
    )
    words: ClassVar = Words("label", "labels", "each label", "given label", "Examples by label", "else", "these")
    several_targets: ClassVar = True
    answers: ClassVar = Answers.SEVERAL

    @classmethod
    def takes(cls, y: Tensor) -> bool:
        """A row of numbers an example."""
        return y.is_floating_point() and y.ndim > 1

    @classmethod
    def found_in(cls, targets: Targets) -> str | None:
        """Cells that hold several labels."""
        cell = None if targets.different_numbers() is not None else targets.cell_of_several()
        return None if cell is None else f"cells such as {shown(cell)}"

    @classmethod
    def fit(cls, train: Targets, others: Sequence[Targets] = ()) -> Self:
        """A label for each of several columns; or the labels within the cells of one, of all files together."""
        if len(train.names) > 1:
            return cls(train.names, train.names)
        found = {word for targets in (train, *others) for words in targets.several()[1] for word in words}
        if not found:
            raise BadInput(
                f"the target {shown(train.names[0])} has no label in {train.where}: nothing is to be told apart"
            )
        return cls(tuple(sorted(found, key=in_order)), train.names)

    def missing(self, targets: Targets) -> BoolArray:
        """(N,) the rows that lack one of several columns; an empty cell of a single one says "none of them"."""
        return targets.missing() if len(self.targets) > 1 else np.zeros(len(targets), dtype=bool)

    def encode(self, targets: Targets) -> Tensor:
        """Zeros and ones (N, L) float32."""
        if len(self.targets) > 1:
            return torch.from_numpy(np.nan_to_num(targets.flags()).astype(np.float32))
        codes, sets = targets.several()
        place = {name: code for code, name in enumerate(self.classes)}
        table = np.zeros((len(sets), len(place)), dtype=np.float32)
        for row, labels in enumerate(sets):
            for label in sorted(labels):
                if label not in place:
                    raise unseen(targets, int(np.flatnonzero(codes == row)[0]), label, self.classes)
                table[row, place[label]] = 1
        return torch.from_numpy(table[codes])

    def notes(self, files: Sequence[Targets]) -> list[str]:
        """Labels that differ in spelling only."""
        return spelling_notes(self.classes)

    def check(self, y: Tensor, ids: Tensor, what: str = "label") -> None:
        """y are zeros and ones (N, L)."""
        check_targets(y, len(self.classes), ids, what=what)

    def check_parts(self, train: Tensor, clean: Tensor, where: tuple[str, str]) -> list[str]:
        """Labels that no clean example has."""
        without = (clean.sum(0) == 0).tolist()
        bare = [name for name, lacks in zip(self.classes, without, strict=True) if lacks]
        if not bare:
            return []
        return [f"no clean example has the label {listed(bare)}, so nothing checked says where it is right"]

    def _losses(self, outputs: Tensor, y: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(outputs, y, reduction="none").mean(1)

    def scores(self, outputs: Tensor, y: Tensor) -> dict[str, float]:
        """Average precision over the labels that occur in the test set, and F1 where a label is given above 1/2."""
        metrics, there = require("sklearn.metrics", "cli"), y.any(0)
        truth, logits = y[:, there].numpy().astype(int), outputs[:, there].numpy()
        if not truth.shape[1]:
            return {"test_mean_average_precision": float("nan"), "test_macro_f1": float("nan")}
        return {
            "test_mean_average_precision": float(metrics.average_precision_score(truth, logits, average="macro")),
            "test_macro_f1": float(metrics.f1_score(truth, logits > 0, average="macro", zero_division=0)),
        }

    def learner(self, classifier: Callable[[], Any], regressor: Callable[[], Any]) -> Learner:
        """A classifier for each label."""
        return OfLabels(classifier, len(self.classes))

    def predict(self, outputs: Tensor) -> Tensor:
        """Zeros and ones (N, L) int64: the labels whose probability is above 1/2."""
        return (outputs > 0).long()

    def probabilities(self, outputs: Tensor) -> Tensor:
        """(N, L), each label's own."""
        return torch.sigmoid(outputs)

    def judge(self, outputs: Tensor, y: Tensor) -> Judged:
        """The labels above 1/2; probabilities are geometric means over the labels."""

        def likely(labels: Tensor) -> Tensor:
            return torch.exp(-self._losses(outputs, labels))

        suggested = (outputs > 0).to(y.dtype)
        return Judged(suggested, likely(suggested), likely(y))

    @property
    def judging(self) -> Judging:
        """Label by label."""
        return OF_LABELS

    def contradicts(self, given: Array, suggested: Array) -> BoolArray:
        """Where the suggestion is not the label."""
        return differs(given, suggested)

    def told(self, label: Any) -> str:
        """The labels by their names."""
        return "; ".join(self._names(label))

    def caption(self, y: Tensor) -> str:
        """The labels by their names."""
        return ", ".join(self._names(y)) or "nothing"

    def columns(self, values: Tensor, probabilities: Tensor | None, *, each: bool = False) -> dict[str, Any]:
        """The prediction's labels stand between ";", as they may in a target column."""
        joined = [";".join(self._names(row)) for row in values]
        return {**super().columns(values, probabilities, each=each), "prediction": joined}

    def groups(self, given: Array, suggested: Array) -> Groups:
        """The examples that carry each label."""
        return Groups(self.classes, given.astype(bool), suggested.astype(bool))

    def _names(self, label: Any) -> list[str]:
        return [name for name, there in zip(self.classes, label.tolist(), strict=True) if there]
