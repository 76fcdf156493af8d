"""What a task is given of a file: the cells of its target columns, in whatever form it asks for."""

from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from reweigh.tasks.spelling import BYTES, Spelling

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
Array = npt.NDArray[Any]


class Words(NamedTuple):
    """(N,) codes into `values`, the different words in order of appearance; -1 where a cell is missing."""

    codes: IntArray
    values: list[str]


class Writing(NamedTuple):
    """How the training file writes a target's numbers (style and unit), and how large they are (mean and deviation)."""

    style: str = "."
    unit: str = ""
    mean: float = 0.0
    deviation: float = 1.0


class Tokens(NamedTuple):
    """Texts as tokens: (N, T) numbers, filled up at the end with -100, the names of all there are, how they spell texts."""

    numbers: IntArray
    names: tuple[str, ...]
    spelling: Spelling = BYTES


class Targets(Protocol):
    """The target columns of one file of N rows. What reads cells raises BadInput where a cell cannot be read so."""

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names."""

    @property
    def where(self) -> str:
        """The file, for messages."""

    def __len__(self) -> int:
        """The number of rows, N."""

    def row(self, number: int) -> str:
        """What the user calls this row."""

    def words(self) -> Words:
        """The first column's cells as names of classes, in one spelling."""

    def several(self) -> tuple[IntArray, list[frozenset[str]]]:
        """The first column's cells as sets of words: (N,) codes into the different sets; an empty cell is the empty set."""

    def flags(self) -> FloatArray:
        """(N, L) every column's cells as ones and zeros, NaN where missing."""

    def numbers(self, like: Writing | None = None) -> FloatArray:
        """(N,) the first column's cells, NaN where missing; as this file writes them, or read `like` another's."""

    def otherwise(self, like: Writing) -> str:
        """What to say of numbers that are written otherwise than `like`; "" for nothing."""

    def writing(self) -> tuple[str, str]:
        """Style and unit in which the first column's numbers are written."""

    def how_read(self) -> list[str]:
        """A sentence on how the first column's numbers were read, where that was a choice."""

    def missing(self) -> BoolArray:
        """(N,) the rows that lack a target, or one of several."""

    def different_numbers(self) -> FloatArray | None:
        """The first column's different cells as numbers; None where one is no number, or is a name such as 007."""

    def tokens(self) -> Tokens | None:
        """The first column's cells as tokens, where a vocabulary was made of both sides of pairs of texts."""

    def cell_of_several(self) -> str | None:
        """A cell of the first column that holds several labels, where its cells do that."""
