"""One of C classes: cross entropy; accuracy and macro F1."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from reweigh.errors import BadInput
from reweigh.metrics import macro_f1
from reweigh.tasks.answers import Answers
from reweigh.tasks.checks import check_labels
from reweigh.tasks.groups import Groups
from reweigh.tasks.labels import in_order, spelling_notes, unseen
from reweigh.tasks.learners import Learner, OfClasses
from reweigh.tasks.measures import Measure
from reweigh.tasks.registry import task
from reweigh.tasks.spoken import Judged, Words
from reweigh.tasks.targets import Array, BoolArray, Targets
from reweigh.tasks.task import Task, differs
from reweigh.words import counted, listed, shown


@task("classification")
@dataclass(frozen=True)
class Classification(Task):
    """One class an example: y is its number, (N,) int64."""

    measures: ClassVar = (Measure("test_accuracy", "accuracy"), Measure("test_macro_f1", "macro F1"))
    words: ClassVar = Words("class", "classes", "each class", "given class", "Labels by class", "else", "the class")
    has_classes: ClassVar = True
    answers: ClassVar = Answers.ONE

    @classmethod
    def takes(cls, y: Tensor) -> bool:
        """Whole numbers are class numbers."""
        return not y.is_floating_point()

    @classmethod
    def found_in(cls, targets: Targets) -> str | None:
        """Any words and numbers can name classes, but classes come back.

        Raises:
            BadInput: if a target is different in almost every row, and so names rows.
        """
        codes, values = targets.words()
        present = int((codes >= 0).sum())
        if len(values) > 20 and len(values) > 0.5 * present:
            raise BadInput(
                f"the target {shown(targets.names[0])} of {targets.where} has {counted(len(values), 'different value')} in "
                f"{counted(present, 'row')}: name the column of classes with --target, or use --task regression for numbers"
            )
        numbers = targets.different_numbers()
        if numbers is None:
            return f"{len(values):,} different words"
        return f"{len(values):,} different {'' if (numbers != np.floor(numbers)).any() else 'whole '}numbers"

    @classmethod
    def fit(cls, train: Targets, others: Sequence[Targets] = ()) -> Self:
        """The classes of all files together, in order."""
        found = {word for targets in (train, *others) for word in targets.words().values}
        if len(found) < 2:
            only = f"the one class {listed(found)}" if found else "no label"
            raise BadInput(
                f"the target {shown(train.names[0])} has {only} in {train.where}: nothing is to be told apart"
            )
        return cls(tuple(sorted(found, key=in_order)), train.names)

    def encode(self, targets: Targets) -> Tensor:
        """Class numbers (N,) int64."""
        codes, names = targets.words()
        place = {name: code for code, name in enumerate(self.classes)}
        to_class = np.array([*(place.get(word, -1) for word in names), 0], dtype=np.int64)
        y = to_class[codes]
        if (y < 0).any():
            row = int(np.flatnonzero(y < 0)[0])
            raise unseen(targets, row, names[codes[row]], self.classes)
        return torch.from_numpy(y)

    def notes(self, files: Sequence[Targets]) -> list[str]:
        """Classes that differ in spelling only."""
        return spelling_notes(self.classes)

    def check(self, y: Tensor, ids: Tensor, what: str = "label") -> None:
        """y are class numbers (N,) within 0..C-1."""
        check_labels(y, len(self.classes), ids, what=what)

    def check_parts(self, train: Tensor, clean: Tensor, where: tuple[str, str]) -> list[str]:
        """Every class that is trained on has a clean example."""
        trained, checked = (torch.bincount(y, minlength=len(self.classes)).tolist() for y in (train, clean))
        for name, training, known in zip(self.classes, trained, checked, strict=True):
            if training and not known:
                raise BadInput(
                    f"the clean set {where[1]} has no example of the class {shown(name)}, which {where[0]} has "
                    f"{counted(training, 'time')}: check one, or correct those labels"
                )
        bare = [name for name, training in zip(self.classes, trained, strict=True) if not training]
        return [f"no training example has the class {listed(bare)}, only clean ones do"] if bare else []

    def _losses(self, outputs: Tensor, y: Tensor) -> Tensor:
        return F.cross_entropy(outputs, y, reduction="none")

    @property
    def compared(self) -> str:
        """Macro F1, in which every class counts the same."""
        return self.measures[1].name

    def scores(self, outputs: Tensor, y: Tensor) -> dict[str, float]:
        """Share of right answers, and F1 averaged over the classes."""
        predicted = self.predict(outputs)
        f1 = macro_f1(predicted, y, outputs.shape[1])
        return {"test_accuracy": float((predicted == y).sum()) / len(y), "test_macro_f1": f1}

    def learner(self, classifier: Callable[[], Any], regressor: Callable[[], Any]) -> Learner:
        """The classifier."""
        return OfClasses(classifier, len(self.classes))

    def predict(self, outputs: Tensor) -> Tensor:
        """The class with the largest output, (N,)."""
        return outputs.argmax(1)

    def probabilities(self, outputs: Tensor) -> Tensor:
        """(N, C), each row summing to one."""
        return outputs.softmax(1)

    def judge(self, outputs: Tensor, y: Tensor) -> Judged:
        """The most likely class."""
        probabilities = self.probabilities(outputs)
        best = probabilities.max(1)
        return Judged(best.indices, best.values, probabilities.gather(1, y[:, None])[:, 0])

    def contradicts(self, given: Array, suggested: Array) -> BoolArray:
        """Where the suggestion is not the label."""
        return differs(given, suggested)

    def told(self, label: Any) -> str:
        """The class by its name."""
        return self.classes[int(label)]

    def columns(self, values: Tensor, probabilities: Tensor | None, *, each: bool = False) -> dict[str, Any]:
        """With `probability`, that of the prediction."""
        found = super().columns(values, probabilities, each=each)
        if probabilities is None:
            return found
        prediction = found.pop("prediction")
        return {"prediction": prediction, "probability": probabilities.max(1).values.numpy(), **found}

    def groups(self, given: Array, suggested: Array) -> Groups:
        """The classes."""
        return Groups(self.classes, given, suggested)
