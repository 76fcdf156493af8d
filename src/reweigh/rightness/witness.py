"""What is known of examples and of any target that one of them might have, whatever sort of target that is.

Everything is asked of a pair (example, target), so that the same example can be asked about with its right target and with
others: that is how a verifier is taught by examples whose right target is known. An example with several labels is several
such questions, one a label.
"""

import abc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, NamedTuple, Self

import torch
from torch import Tensor

from reweigh.rightness.wrongness import Kinds


class Others(NamedTuple):
    """The likeliest targets of n examples but the given ones, shaped alike, and how likely if those are wrong, (n,)."""

    targets: Tensor
    likely: Tensor


@dataclass(frozen=True)
class Witness(abc.ABC):
    """n examples; its fields are tensors (n, ...), mappings of such, or None.

    Attributes:
        kinds: the kinds of wrong targets that there are, `usual_kinds` those that are taught by if nobody names others.
        tells: an AUROC of cross-fit that is not above it with some certainty is no ground for a number. On digits of which
            36 % were called one class, without features, it was .81 and the number 0 %.
        log_probabilities: the fields that are such, of what excludes each other: (n, ..., K).
        exact: whether a target that differs from the right one is wrong, by however little.
        by_cell: whether there is a share of right targets for each cell of a table (`cells`); else one for all of them.
    """

    kinds: ClassVar[Kinds]
    usual_kinds: ClassVar[tuple[str, ...]]
    tells: ClassVar[float] = 0.85
    by_cell: ClassVar[bool] = False
    exact: ClassVar[bool] = True
    log_probabilities: ClassVar[tuple[str, ...]] = ()

    @classmethod
    @abc.abstractmethod
    def seen(cls, outputs: Tensor, states: Tensor, targets: Tensor, checked: Tensor) -> Self:
        """By a student that was not trained on them.

        Args:
            outputs: the student's, (n, K).
            states: features in which nearness is measured, (n, D).
            targets: as given, (n, ...).
            checked: the positions of those whose targets are right, (m,); they are left out of what they are held against.
        """

    @abc.abstractmethod
    def features(self, targets: Tensor) -> Tensor:
        """Of targets (n, ...): (q, f), q questions, those of an example together."""

    @abc.abstractmethod
    def others(self, targets: Tensor) -> Others:
        """What else it may be than `targets` (n, ...)."""

    @property
    @abc.abstractmethod
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the table that wrong targets are counted in: its rows are classes, or labels."""

    @abc.abstractmethod
    def cells(self, targets: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
        """Row and column of each question's cell, (q,)."""

    def counts(self, checked: Tensor, others: Tensor) -> Tensor | None:
        """By how much checked examples (m, ...) count, (m,), if they are to be like the `others`; None for alike."""
        return None

    def __len__(self) -> int:
        first: Tensor = getattr(self, fields(self)[0].name)
        return len(first)

    def __getitem__(self, rows: Tensor) -> Self:
        return replace(self, **{f.name: _taken(getattr(self, f.name), rows) for f in fields(self)})

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """One after the other."""
        return cls(**{f.name: _together([getattr(part, f.name) for part in parts]) for f in fields(cls)})

    @classmethod
    def averaged(cls, views: Sequence[Self]) -> Self:
        """Of the same examples, by several: the means of all fields, of log-probabilities made to be such again."""
        found = {f.name: _mean([getattr(view, f.name) for view in views]) for f in fields(cls)}
        logs = {name: found[name].log_softmax(-1) for name in cls.log_probabilities if found[name] is not None}
        return cls(**found | logs)


def _taken(value: Any, rows: Tensor) -> Any:
    if isinstance(value, Mapping):
        return {name: part[rows] for name, part in value.items()}
    return None if value is None else value[rows]


def _together(values: list[Any]) -> Any:
    if isinstance(values[0], Mapping):
        return {name: torch.cat([value[name] for value in values]) for name in values[0]}
    return None if values[0] is None else torch.cat(values)


def _mean(values: list[Any]) -> Any:
    if isinstance(values[0], Mapping):
        return {name: _mean([value[name] for value in values]) for name in values[0]}
    return None if values[0] is None else torch.stack(values).mean(0)
