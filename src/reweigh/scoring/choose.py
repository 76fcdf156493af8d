"""Which rows are worth keeping, or what each should weigh, by their scores. One number a row is in memory, and no more."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from reweigh.arrow import parquet
from reweigh.errors import BadInput
from reweigh.ledger.visits import Array
from reweigh.scoring.scorer import ALIGNMENT, REPRESENTATION
from reweigh.words import counted, shown


@dataclass(frozen=True)
class Keep:
    """How much is kept: a `share` of all rows, or a `number` of them."""

    share: float | None = None
    number: int | None = None

    @classmethod
    def of(cls, said: str | float) -> "Keep":
        """0.3 and "30%" are shares, 1000 is a number; a whole number in digits is a number, "1.0" a share.

        Raises:
            BadInput: if it is neither.
        """
        text = str(said).strip()
        try:
            if text.endswith("%"):
                keep = cls(share=float(text[:-1]) / 100)
            elif text.isdecimal():
                return cls._number(int(text), text)
            else:
                keep = cls(share=float(text))
        except ValueError:
            keep = cls(share=np.nan)
        if not 0 < (keep.share or 0) <= 1:
            raise BadInput(
                f"--keep is {shown(text)}: give a share above 0 and up to 1, such as 0.3 or 30%, or a number of rows"
            )
        return keep

    @classmethod
    def _number(cls, number: int, text: str) -> "Keep":
        if number < 1:
            raise BadInput(f"--keep is {text}: give a share, such as 0.3 or 30%, or a number of rows, at least 1")
        return cls(number=number)

    def of_rows(self, rows: int) -> int:
        """How many that are.

        Raises:
            BadInput: if it is a number and there are fewer rows.
        """
        if self.number is None:
            return max(1, round((self.share or 0) * rows))
        if self.number > rows:
            raise BadInput(
                f"--keep is {self.number:,} and there are {counted(rows, 'row')}: give a number up to that, or a share"
            )
        return self.number


def scores_in(path: Path, by: str | None) -> tuple[str, Array]:
    """The name of the score that is gone by, and it of all rows, (N,); NaN where a row has none.

    Alignments where nobody says, and there are some.

    Raises:
        BadInput: if the file has no such score, or no row has one.
    """
    with parquet.ParquetFile(path) as file:
        there = [name for name in (ALIGNMENT, REPRESENTATION) if name in file.schema_arrow.names]
        name = by or there[0]
        if name not in there:
            raise BadInput(f"{path} has no scores by {shown(name)}: it has {' and '.join(there)}, so choose by that")
        found = np.concatenate([_numbers(batch[0]) for batch in file.iter_batches(columns=[name])])
    if np.isnan(found).all():
        raise BadInput(f"no row of {path} has a score: no token of the data counts, look at their columns")
    return name, found


def kept(path: Path, scores: Array, keep: Keep) -> Array:
    """Which rows have the greatest scores, (N,) bool; of equal ones those whose ids come first.

    Rows without a score are never kept.
    """
    there = int((~np.isnan(scores)).sum())
    most = min(keep.of_rows(len(scores)), there)
    low = np.where(np.isnan(scores), -np.inf, scores)
    least = np.partition(low, len(low) - most)[len(low) - most]
    found: Array = low > least
    tied = np.flatnonzero(low == least)
    if (left := most - int(found.sum())) < len(tied):
        ids = _ids(path, tied)
        tied = tied[sorted(range(len(tied)), key=lambda place: (ids[place], place))]
    found[tied[:left]] = True
    return found


def weights_of(scores: Array, chosen: Array | None) -> Array:
    """A weight for each row, (N,), none below zero, their mean one; zero for rows without a score.

    Of the rows that are `chosen` alike, the others zero; or else, where nobody chooses, the score where it is above
    zero, as L2RW has it (Ren et al. 2018).

    Raises:
        BadInput: if no score is above zero.
    """
    weights = np.nan_to_num(scores).clip(0) if chosen is None else chosen
    weights = weights.astype(np.float64)
    if not weights.any():
        raise BadInput("no score is above zero, so that every weight would be zero: choose rows by --keep instead")
    mean_one: Array = weights / weights.mean()
    return mean_one


def _numbers(column: Any) -> Array:
    found: Array = column.to_numpy(zero_copy_only=False).astype(np.float32)
    return found


def _ids(path: Path, rows: Array) -> list[str]:
    """The ids of these rows, which are in their order."""
    found, start = list[str](), 0
    with parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(columns=["id"]):
            here = rows[(rows >= start) & (rows < start + len(batch))] - start
            found += batch[0].take(here).to_pylist() if len(here) else []
            start += len(batch)
    return found
