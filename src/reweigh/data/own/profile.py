"""What the first pass over a table learns of each column, in memory that does not grow with the rows.

Whether a column is numbers, dates or categories can only be said when all its rows were seen. So each column is
watched as all three at once: as numbers with their mean and spread, as dates in the formats that still fit every cell,
and as words, counted until there are too many different ones to be categories.
"""

from collections import Counter
from typing import Any

import numpy as np

from ...errors import BadInput, require
from .values import DATES, THOUSANDS, FloatArray, as_days, as_numbers, as_words, is_text, is_time, is_usable
from .words import shown

MOST_WORDS = 20_000
"""Different words of one column that are counted; beyond, the column is seen as it was until then."""

SURE = 20_000
"""Cells after which a column that is mostly words is no longer tried as numbers."""

LARGEST = 1e30
"""Numbers beyond are refused: their squares would leave float64's neighbourhood of usefulness."""

EXACT = float(2**53)
"""Whole numbers beyond lose digits in float64."""


class Moments:
    """Mean and spread of a stream of numbers, merged block by block (Chan, Golub and LeVeque 1979)."""

    def __init__(self) -> None:
        self.count, self.mean, self.squares = 0, 0.0, 0.0
        self.least, self.most = float("inf"), float("-inf")
        self.whole, self.counts_up, self._last = True, True, None

    _last: float | None

    def add(self, values: FloatArray) -> None:
        """Take finite values in, in order."""
        if not values.size:
            return
        mean, count = float(values.mean()), self.count + values.size
        apart = mean - self.mean
        self.squares += float(((values - mean) ** 2).sum()) + apart**2 * self.count * values.size / count
        self.mean += apart * values.size / count
        self.count = count
        self.least, self.most = min(self.least, float(values.min())), max(self.most, float(values.max()))
        self.whole = self.whole and bool((values == np.floor(values)).all())
        joined = values if self._last is None else np.concatenate(([self._last], values))
        self.counts_up = self.counts_up and bool((np.diff(joined) == 1).all())
        self._last = float(values[-1])

    @property
    def deviation(self) -> float:
        """The standard deviation; 1 where all numbers are the same, so that it can divide."""
        return float(np.sqrt(self.squares / self.count)) if self.squares > 0 else 1.0


class Profile:
    """One column, seen block by block. The attributes are for `plan.decide` to read."""

    def __init__(self, name: str, where: str) -> None:
        """`name` and `where` (the file) are for messages."""
        self.name, self.where = name, where
        self.rows, self.present, self.length = 0, 0, 0
        self.usable, self.timed = True, False
        self.numbers, self.decimal = Moments(), "."
        self.strays: Counter[str] = Counter()
        self.stray_count = 0
        self.dates: dict[str, Moments] = {layout: Moments() for layout in DATES}
        self.words: Counter[str] = Counter()
        self.overflow: float | None = None  # where words are too many: how many rows there were for each

    def add(self, column: Any) -> None:
        """Take the column of one `RecordBatch` in.

        Raises:
            BadInput: a number is infinite or larger than any that can be learned from.
        """
        first, self.rows = self.rows, self.rows + len(column)
        if not self.usable or not is_usable(column):
            self.usable = False
            return
        if is_time(column):
            self.timed, self.dates = True, {"iso": self.dates["iso"]}
            values = as_days(column, "iso").values
            self.present += int(np.isfinite(values).sum())
            self.dates["iso"].add(values[np.isfinite(values)])
            return
        self._add_numbers(column, first)
        if is_text(column):
            self._add_dates(column)
        if self.overflow is None:
            self._add_words(as_words(column))

    def _add_numbers(self, column: Any, first: int) -> None:
        if self.present > SURE and self.stray_count > 0.5 * self.present:  # words beyond doubt
            present = len(column) - as_words(column).null_count
            self.present, self.stray_count = self.present + present, self.stray_count + present
            return
        found = as_numbers(column, self.decimal)
        if first == 0 and found.strays.any():
            for decimal in (THOUSANDS, ","):  # 1,234 is a thousand, and 1,5 as half of Europe writes it
                other = as_numbers(column, decimal)
                if other.strays.sum() < found.strays.sum():
                    self.decimal, found = decimal, other
        check_size(found.values, self.name, self.where, first)
        numbers, strays = found.values[np.isfinite(found.values)], int(found.strays.sum())
        self.numbers.add(numbers)
        self.present += numbers.size + strays
        self.stray_count += strays
        if strays and len(self.strays) < 5:
            self.strays.update(str(column[int(row)]) for row in np.flatnonzero(found.strays)[:5])

    def _add_dates(self, column: Any) -> None:
        words = as_words(column) if self.dates else column
        for layout in list(self.dates):
            few = as_days(words.drop_null().slice(0, 3), layout)
            found = None if few.strays.any() else as_days(words, layout)
            if found is None or found.strays.any():
                del self.dates[layout]
            else:
                self.dates[layout].add(found.values[np.isfinite(found.values)])

    def _add_words(self, words: Any) -> None:
        compute = require("pyarrow.compute", "cli")
        counts = compute.value_counts(words.drop_null())
        if len(counts) <= MOST_WORDS:
            for word, count in zip(counts.field(0).to_pylist(), counts.field(1).to_pylist(), strict=True):
                self.words[word] += count
                self.length = max(self.length, len(word))
        if len(counts) > MOST_WORDS or len(self.words) > MOST_WORDS:
            self.overflow = self.present / max(len(counts), len(self.words))


def check_size(values: FloatArray, name: str, where: str, first: int = 0) -> None:
    """Numbers are finite or missing, and of a size that can be learned from.

    Raises:
        BadInput: naming the first row that is not, counted from 0; `first` is the row of values[0].
    """
    with np.errstate(invalid="ignore"):
        wrong = np.flatnonzero(np.abs(values) > LARGEST)
    if wrong.size:
        row = int(wrong[0])
        what = "infinite" if np.isinf(values[row]) else "too large to learn from"
        raise BadInput(
            f"row {first + row} of {where} is {what} in column {shown(name)}: correct it, or leave the cell empty "
            "for a missing value"
        )
