"""What a rule may be made from: what the caller knows of the data and the student, each None where it is not known."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor, nn

from reweigh._types import Batch, BatchGetter, PerExampleLoss
from reweigh.errors import BadInput
from reweigh.rightness.known import Known
from reweigh.rules.masks import Masks


class ByRows(Protocol):
    """Examples handed out as batches; each batch has its examples' ids under "id"."""

    def __len__(self) -> int:
        """The number of examples."""

    def batch(self, rows: Tensor) -> Batch:
        """The examples at `rows`, (B,) int64."""


@dataclass(frozen=True)
class NoOptions:
    """Of a rule that has none."""


@dataclass(frozen=True, kw_only=True)
class SecondModel:
    """What it takes to train another model beside the student.

    Attributes:
        student: before its first step; who trains a copy leaves it as it is.
        loss: of each example, (B,).
        clean: the clean set.
        optimizer: from a model to an optimizer of the student's kind for it.
    """

    student: nn.Module
    loss: PerExampleLoss
    clean: ByRows
    optimizer: Callable[[nn.Module], torch.optim.Optimizer]


@dataclass(frozen=True, kw_only=True)
class Materials:
    """What a rule may be made from.

    Attributes:
        seed: from what numbers are drawn for to a seed.
        class_sizes: how many training examples have each label, (C,) int64; None where the task has no classes.
        wrong: from a batch to which of its labels are known to be wrong, (B,) bool.
        second_model: what it takes to train one.
        steps: how many steps the student will take; None where nobody knows.
        checked: which training examples are checked themselves, (N,) bool; None where none is.
        judged: what is known of the training set's labels, once somebody asks; None where nobody judges them.
        masks: which positions of the student's internal states count, by the fields of its batches.
        ids: of the training examples in their order, (N,) int64; None where they have none.
    """

    seed: Callable[[str], int] = lambda purpose: 0
    class_sizes: Tensor | None = None
    wrong: BatchGetter | None = None
    second_model: SecondModel | None = None
    steps: int | None = None
    checked: Tensor | None = None
    judged: Callable[[], Known] | None = None
    masks: Masks = field(default_factory=dict)
    ids: Tensor | None = None

    @property
    def has(self) -> frozenset[str]:
        """What is there, in the words of `_MISSING`."""
        there = {
            "classes": self.class_sizes,
            "truth": self.wrong,
            "second model": self.second_model,
            "checked": self.checked,
            "rightness": self.judged,
        }
        return frozenset(name for name, value in there.items() if value is not None)

    @property
    def sizes(self) -> Tensor:
        """The class sizes, of a rule that needs classes."""
        assert self.class_sizes is not None
        return self.class_sizes

    def check_has(self, needs: Collection[str], rule: str) -> None:
        """All that is needed is there.

        Raises:
            BadInput: saying what is not.
        """
        for missing in sorted(set(needs) - self.has):
            raise BadInput(_MISSING[missing].format(rule))


_MISSING = {
    "checked": "the rule {} trains on checked examples, and none is among those to train on: keep them there "
    "(--keep-clean-in-train, train_on_clean=True), or take another rule",
    "classes": "the rule {} looks at each example's class, and there are none: take another rule",
    "rightness": "the rule {} weighs by what two students say of each other's half of the training set, and nobody asks "
    "them here: give it what is known of the labels, or train by `reweigh train` or `reweigh.fit`",
    "truth": "the {} needs labels that are known to be wrong: add --noise, or take another rule",
    "second model": "the rule {} trains a second model on the clean set, and is given none: set second_model=",
}
