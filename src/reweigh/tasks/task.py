"""What is to be learnt, as one object: from the cells of a file to the sentences of a report.

A task says how wrong a model is on each example, which is all that the weights need to know. It also reads its targets,
makes batches, scores, predicts, says which predictions contradict a label, and brings the words that people read. Nobody
else asks which task it is: who needs to know something asks the task.
"""

import abc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from reweigh.errors import BadInput
from reweigh.rightness.before import Before
from reweigh.rightness.judging import OF_CLASSES, Judging
from reweigh.rightness.rightness import Rightness
from reweigh.rightness.witness import Witness
from reweigh.rules import Masks
from reweigh.tasks.answers import Answers
from reweigh.tasks.groups import Groups
from reweigh.tasks.learners import Learner
from reweigh.tasks.measures import Measure
from reweigh.tasks.shapes import Shapes
from reweigh.tasks.spelling import Spelling
from reweigh.tasks.spoken import Judged, Overview, Words, counts
from reweigh.tasks.targets import Array, BoolArray, Targets, Writing


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
        of_pairs: whether an example is a pair of texts, of which the one is to be made of the other.
        usual: settings by name that are taken for it where they are left open.
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
    of_pairs: ClassVar[bool] = False
    usual: ClassVar[Mapping[str, Any]] = {}

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

    def completed(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """A batch {"x", "y", "id"} of examples that were put together, with what else the model and the loss take."""
        return batch

    def lengths(self, x: Tensor, y: Tensor) -> Tensor:
        """(N, 2): how many tokens the two sides of pairs have; of other examples nobody asks."""
        raise NotImplementedError(f"{self.name} is no task of pairs")

    @property
    def shapes(self) -> Shapes:
        """The widths of both sides that batches of pairs have; empty where none were chosen."""
        return ()

    def parted(self, batch: dict[str, Tensor]) -> Sequence[tuple[int, dict[str, Tensor]]]:
        """A batch in parts of examples of about the same length, and how many are in each."""
        return [(len(batch["id"]), batch)]

    def inputs(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
        """What the model is called with."""
        return (batch["x"],)

    @property
    def masks(self) -> Masks:
        """Which positions of a model's internal states count, by the fields of a batch; empty where they have none."""
        return {}

    def loss(self, model: Callable[..., Tensor], batch: Mapping[str, Tensor]) -> Tensor:
        """The loss of each example of a batch {"x": ..., "y": ...}, (B,): what `Reweigher` is given."""
        return self.losses(model(*self.inputs(batch)), batch["y"])

    def smoothed(self, share: float) -> Self:
        """The task with losses that leave so much of a target to all others, in training.

        Raises:
            BadInput: if it has no such losses.
        """
        if share:
            raise BadInput(f"label smoothing is for sequences of tokens, and the task is {self.name}: leave it out")
        return self

    def spelt(self, spelling: Spelling) -> Self:
        """The task with tokens that spell texts so, where its targets are texts."""
        return self

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

    def compare(self, outputs: Tensor, y: Tensor) -> float:
        """The value of that score alone; it is asked for on hundreds of resamples."""
        return self.scores(outputs, y)[self.compared]

    @property
    def scored_by(self) -> dict[str, str]:
        """How others can work out the same scores, by their names, where there are several ways."""
        return {}

    def outputs_of(self, model: Callable[..., Tensor], batch: Mapping[str, Tensor]) -> Tensor:
        """The outputs (B, K) of a model in eval mode for a batch {"x": ...}."""
        return model(*self.inputs(batch)).float()

    def searched(self, beam: int) -> Self:
        """The task with answers that are looked for among so many at a time; refused where nothing is looked for."""
        if beam != 1:
            raise BadInput(f"--beam is for sequences that a model writes, and the task is {self.name}: leave it out")
        return self

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

    def suggested(self, model: Callable[..., Tensor], batch: Mapping[str, Tensor]) -> Judged:
        """What a model suggests in the place of a batch's y, and how likely both are."""
        return self.judge(self.outputs_of(model, batch), batch["y"])

    @abc.abstractmethod
    def judge(self, outputs: Tensor, y: Tensor) -> Judged:
        """What outputs (B, K) suggest in the place of y, and how likely both are."""

    @property
    def judging(self) -> Judging | None:
        """How it is judged whether targets are right, by checked ones and what students say; None where it cannot be."""
        return OF_CLASSES if self.has_classes and self.outputs == len(self.classes) > 1 else None

    def seen(self, student: Any, clean: Any, train: Any, rows: Tensor) -> Witness | None:
        """What a student in eval mode knows of clean and then these training examples, if more than outputs and states."""
        return None

    def judged(
        self, view: Witness, targets: Tensor, checked: Tensor, seed: int, was: Before | None = None
    ) -> Rightness:
        """How likely each of the targets (n, ...) is right; `checked` ones are, and were called as `was` says."""
        assert self.judging is not None
        return self.judging.judged(view, targets, checked, np.asarray(self.classes), seed=seed, before=was)

    @abc.abstractmethod
    def contradicts(self, given: Array, suggested: Array) -> BoolArray:
        """(N,) where a suggestion says something else than the label; both in the target's own units."""

    # Words for people

    def source_told(self, x: Tensor) -> str | None:
        """The input of one example in words, where the task knows them."""
        return None

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


def differs(given: Array, suggested: Array) -> BoolArray:
    """(N,) where labels (N, ...), which are equal or not, are not."""
    unequal = np.not_equal(suggested, given)
    return np.asarray(unequal.reshape(len(given), -1).any(axis=1), dtype=bool)
