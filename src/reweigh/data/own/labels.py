"""The target columns of a file, as tasks ask for them, the same way in every file.

Classes are those of the training and the clean part together. A label that only the test part or a new file has cannot have
been learned, and is refused.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...tasks.targets import BoolArray, FloatArray, IntArray, Words, Writing
from .other_file import numbers_like
from .rows import Rows
from .targets import (
    as_classes,
    as_flags,
    as_numbers_of,
    cell_of_several,
    checked_numbers,
    different_numbers,
    how_read,
    is_missing,
    several,
    style_of,
)


@dataclass(frozen=True)
class TargetColumns:
    """The targets of `rows`; `names` are their columns."""

    rows: Rows
    names: tuple[str, ...]

    @property
    def where(self) -> str:
        """The file."""
        return self.rows.where

    def __len__(self) -> int:
        """The number of rows, N."""
        return len(self.rows)

    def row(self, number: int) -> str:
        """What the user calls this row."""
        return self.rows.name(number)

    def words(self) -> Words:
        """The first column's cells as names of classes, in one spelling."""
        return self._words

    def several(self) -> tuple[IntArray, list[frozenset[str]]]:
        """The first column's cells as sets of words."""
        return several(self.rows.targets[0])

    def flags(self) -> FloatArray:
        """(N, L) ones and zeros, NaN where missing."""
        named = zip(self.rows.targets, self.names, strict=True)
        return np.stack([as_flags(column, name, self.where) for column, name in named], axis=1)

    def numbers(self, like: Writing | None = None) -> FloatArray:
        """(N,) the first column's cells, NaN where missing."""
        column = self.rows.targets[0]
        if like is None:
            return as_numbers_of(column, self.names[0], self.where)
        return checked_numbers(numbers_like(column, *like)[0], column, self.names[0], self.where)

    def otherwise(self, like: Writing) -> str:
        """What to say of numbers that are written otherwise than `like`."""
        return numbers_like(self.rows.targets[0], *like)[1]

    def writing(self) -> tuple[str, str]:
        """Style and unit in which the first column's numbers are written."""
        return style_of(self.rows.targets[0])

    def how_read(self) -> list[str]:
        """A sentence on how the first column's numbers were read, where that was a choice."""
        return how_read(self.rows.targets[0], self.names[0], self.where)

    def missing(self) -> BoolArray:
        """(N,) the rows that lack a target, or one of several."""
        return is_missing(self.rows)

    def different_numbers(self) -> FloatArray | None:
        """The first column's different cells as numbers, if they are."""
        return different_numbers(self.rows.targets[0], self.words().values)

    def cell_of_several(self) -> str | None:
        """A cell of the first column that holds several labels, where its cells do that."""
        return cell_of_several(self.words().values)

    @cached_property
    def _words(self) -> Words:
        return as_classes(self.rows.targets[0])
