"""What is to be learnt, as one object: from the cells of a file to the sentences of a report.

A task says how wrong a model is on each example, which is all that the weights need to know. It also reads its targets,
makes batches, scores, predicts, says which predictions contradict a label, and brings the words that people read. Nobody
else asks which task it is: who needs to know something asks the task.
"""

import abc
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from reweigh.errors import BadInput
from reweigh.rightness.judging import OF_CLASSES, Judging
from reweigh.tasks.answers import Answers
from reweigh.tasks.groups import Groups
from reweigh.tasks.learners import Learner
from reweigh.tasks.measures import Measure
from reweigh.tasks.targets import Array, BoolArray, Targets, Writing


class Words(NamedTuple):
    """What groups of examples are called, in reports.

    Attributes:
        one, many: a group, and several.
        of_each: after "noise rate": "each class".
        given: the head of the column of groups.
        title: the title of the table of groups.
        otherwise: how a contradicting prediction differs from the label: "else".
        these: of which examples a contradiction's share is: "the class".
    """

    one: str = "group"
    many: str = "groups"
    of_each: str = "each group"
    given: str = "given group"
    title: str = "Labels by group"
    otherwise: str = "else"
    these: str = "the group"


class Judged(NamedTuple):
    """What a model suggests for B examples, shaped as y; how sure it is, and how likely the given label, (B,) or NaN."""

    suggested: Tensor
    suggested_probability: Tensor
    given_probability: Tensor


class Overview(NamedTuple):
    """A small table of what was predicted: the heads of its columns, whether each is of numbers, and its rows."""

    heads: tuple[str, ...]
    numbers: tuple[bool, ...]
    rows: list[tuple[str, ...]]


@dataclass(frozen=True)
class Task(abc.ABC):
    """A task, fitted to the targets that it is to learn; made known by `@task("name")`.

    Attributes:
        classes: the names of classes or labels, or the one name of a target of numbers.
        targets: the columns that hold the target.
        scale: (mean, standard deviation) of a target of numbers.
        written: style and unit in which the training file writes them.
        measures: its scores, *the score* first.
        has_classes: whether y is a class number an example, (N,) int64; rules of classes, noise and imbalance ask for it.
        several_targets: whether several columns can be its target.
        from_columns: whether it is learnt from the target columns of a file.
        answers: what a person says who corrects a label; None where nobody is asked.
    """

    classes: tuple[str, ...]
    targets: tuple[str, ...] = ()
    scale: tuple[float, float] = (0.0, 1.0)
    written: tuple[str, str] = (".", "")

    name: ClassVar[str] = ""
    measures: ClassVar[tuple[Measure, ...]]
    words: ClassVar[Words] = Words()
    has_classes: ClassVar[bool] = False
    several_targets: ClassVar[bool] = False
    from_columns: ClassVar[bool] = True
    answers: ClassVar[Answers | None] = None

    # Reading targets

    @classmethod
    def found_in(cls, targets: Targets) -> str | None:
        """Why a training target, that nobody has said more about, asks for this task; None where it does not."""
        return None

    @classmethod
    def takes(cls, y: Tensor) -> bool:
        """Whether targets in memory of this type and shape, that nobody has said more about, are this task's."""
        return False

    @classmethod
    @abc.abstractmethod
    def fit(cls, train: Targets, others: Sequence[Targets] = ()) -> Self:
        """The task for the training file's targets and those of `others`, which are learnt from as well.

        Raises:
            BadInput: if there is nothing to learn.
        """

    @abc.abstractmethod
    def encode(self, targets: Targets) -> Tensor:
        """y of a file's rows, (N, ...); what stands where a target is missing has no meaning.

        Raises:
            BadInput: naming the first target that cannot be learnt, or was not.
        """

    def missing(self, targets: Targets) -> BoolArray:
        """(N,) the rows without a target."""
        return targets.missing()

    def notes(self, files: Sequence[Targets]) -> list[str]:
        """What was chosen in reading the training file's targets and others', in sentences."""
        return []

    def check(self, y: Tensor, ids: Tensor, what: str = "label") -> None:
        """y, (N, ...), are such targets; `ids` name the examples.

        Raises:
            BadInput: naming the first example whose target is not.
        """
        wrong = (~y.isfinite()).reshape(len(y), -1).any(1).nonzero().flatten()
        if wrong.numel():
            raise BadInput(
                f"the {what} of the example with id {int(ids[wrong[0]])} must be finite: correct it, or drop the example"
            )

    def check_parts(self, train: Tensor, clean: Tensor, where: tuple[str, str]) -> list[str]:
        """The training part's y and the clean part's go together; returns what is to be said of them. `where`: the files.

        Raises:
            BadInput: naming what the clean part lacks.
        """
        return []

    # Training

    @property
    def outputs(self) -> int:
        """How many numbers a model gives an example."""
        return len(self.classes)

    @property
    def writing(self) -> Writing:
        """How the training file writes a target's numbers."""
        return Writing(*self.written, *self.scale)

    def collate(self, examples: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
        """Examples as one batch: a DataLoader's `collate_fn`."""
        return {name: torch.stack([example[name] for example in examples]) for name in examples[0]}

    def loss(self, model: Callable[..., Tensor], batch: Mapping[str, Tensor]) -> Tensor:
        """The loss of each example of a batch {"x": ..., "y": ...}, (B,): what `Reweigher` is given."""
        return self.losses(model(batch["x"]), batch["y"])

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

    # Scoring and predicting

    @property
    def score(self) -> str:
        """The name of the score, as it stands in a run's metrics."""
        return self.measures[0].name

    @property
    def compared(self) -> str:
        """The name of the score by which ways to a model are compared: the score, if nobody says otherwise."""
        return self.score

    @abc.abstractmethod
    def scores(self, outputs: Tensor, y: Tensor) -> dict[str, float]:
        """Scores of outputs (N, K) against targets y (N, ...) by their names, the score first."""

    def learner(self, classifier: Callable[[], Any], regressor: Callable[[], Any]) -> Learner | None:
        """A learner for such targets, made of a classifier or a regressor of scikit-learn; None where neither will do."""
        return None

    @abc.abstractmethod
    def predict(self, outputs: Tensor) -> Tensor:
        """What outputs (N, K) say, (N, ...), in the target's own units."""

    def probabilities(self, outputs: Tensor) -> Tensor | None:
        """(N, C) the probability of each class or label; None where there are none."""
        return None

    @abc.abstractmethod
    def judge(self, outputs: Tensor, y: Tensor) -> Judged:
        """What outputs (B, K) suggest in the place of y, and how likely both are."""

    @property
    def judging(self) -> Judging | None:
        """How it is judged whether targets are right, by checked ones and what students say; None where it cannot be."""
        return OF_CLASSES if self.has_classes and self.outputs == len(self.classes) > 1 else None

    @abc.abstractmethod
    def contradicts(self, given: Array, suggested: Array) -> BoolArray:
        """(N,) where a suggestion says something else than the label; both in the target's own units."""

    # Words for people

    def in_units(self, y: Tensor) -> Tensor:
        """Targets as the user has them, in the target's own units."""
        return y

    @abc.abstractmethod
    def told(self, label: Any) -> str:
        """One label, in the target's own units, in words."""

    def caption(self, y: Tensor) -> str:
        """One label, as y has it, in few letters."""
        return self.told(self.in_units(y))

    def cells(self, labels: Array) -> Any:
        """Labels (N, ...), in the target's own units, as a column of a file."""
        return [self.told(label) for label in labels]

    def columns(self, values: Tensor, probabilities: Tensor | None, *, each: bool = False) -> dict[str, Any]:
        """Predictions, and how likely they are, as columns of a file; with `each` every class's or label's probability."""
        found = {"prediction": self.cells(values.numpy())}
        if probabilities is not None and each:
            found |= {f"probability of {name}": probabilities[:, k].numpy() for k, name in enumerate(self.classes)}
        return found

    def overview(self, values: Tensor, cells: Sequence[Any]) -> Overview:
        """What was predicted, in a few rows; `cells` is the column of predictions."""
        return counts(cells)

    def groups(self, given: Array, suggested: Array) -> Groups:
        """Groups of examples whose labels are looked at together; all of them, if nobody says more."""
        none = np.zeros(len(given), dtype=np.int64)
        return Groups(("all",), none, none)


def counts(cells: Sequence[Any], most: int = 20) -> Overview:
    """How often each prediction was made, the most frequent ones."""
    rows: list[tuple[str, ...]] = [(str(cell), str(count)) for cell, count in Counter(cells).most_common(most)]
    return Overview(("prediction", "examples"), (False, True), rows)


def differs(given: Array, suggested: Array) -> BoolArray:
    """(N,) where labels (N, ...), which are equal or not, are not."""
    unequal = np.not_equal(suggested, given)
    return np.asarray(unequal.reshape(len(given), -1).any(axis=1), dtype=bool)
