"""The target columns of a file, as tasks ask for them, the same way in every file.

Classes are those of the training and the clean part together. A label that only the test part or a new file has cannot have
been learned, and is refused.
"""

import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...arrow import pa
from ...tasks.targets import BoolArray, FloatArray, IntArray, Tokens, Words, Writing
from ...words import shown
from .numerals import find_written, says_two_things, simple
from .other_file import numbers_like
from .rows import Rows
from .targets import SEPARATORS, as_classes, as_flags, checked_numbers, is_missing, numbers_in, several, split, style_of
from .values import as_words, is_text, is_time

_LEADING_ZERO = re.compile(r"^0\d+$")


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
        found = numbers_in(column) if like is None else numbers_like(column, *like)[0]
        return checked_numbers(found, column, self.names[0], self.where)

    def otherwise(self, like: Writing) -> str:
        """What to say of numbers that are written otherwise than `like`."""
        return numbers_like(self.rows.targets[0], *like)[1]

    def writing(self) -> tuple[str, str]:
        """Style and unit in which the first column's numbers are written."""
        return style_of(self.rows.targets[0])

    def how_read(self) -> list[str]:
        """A sentence on how the first column's numbers were read, where that was a choice."""
        column = self.rows.targets[0]
        if not is_text(column):
            return []
        words = as_words(column)
        written = None if simple(words) is not None else find_written(words)
        either = says_two_things(words) if written is None else written.either
        target = f"the target {shown(self.names[0])} of {self.where} is read as numbers"
        if either is not None:
            cell, read, other = either
            return [f"{target}, {shown(cell)} as {read:.12g}, though it could be {other:.12g}"]
        if written is None or (written.style == "." and not written.unit):
            return []
        return [f"{target}, {shown(written.longest[0])} as {written.longest[1]:.12g}"]

    def missing(self) -> BoolArray:
        """(N,) the rows that lack a target, or one of several."""
        return is_missing(self.rows)

    def different_numbers(self) -> FloatArray | None:
        """The first column's different cells as finite numbers; None where one is no number, or is a name such as 00123."""
        column, words = self.rows.targets[0], self._words.values
        numbers = numbers_in(column.slice(0, 1) if is_time(column) else pa.array(words, pa.string()))
        if numbers.strays.any() or any(_LEADING_ZERO.match(word) for word in words):
            return None
        return numbers.values[np.isfinite(numbers.values)]

    def tokens(self) -> Tokens | None:
        """The first column's cells as tokens, where the reader has made some."""
        return self.rows.tokens

    def cell_of_several(self) -> str | None:
        """A cell of the first column that holds several labels, where labels come back from cell to cell.

        They are fewer than the cells then, and most stand in more than one.
        """
        cells = self._words.values
        joined = next((word for word in cells if any(mark in word for mark in SEPARATORS)), None)
        parts = [part for cell in cells for part in set(split(cell))]
        come_back = len(set(parts)) < len(cells) and len(parts) >= 1.5 * len(set(parts))
        return joined if come_back else None

    @cached_property
    def _words(self) -> Words:
        return as_classes(self.rows.targets[0])
