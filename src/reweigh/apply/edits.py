"""What becomes of the rows of a training file, and whatever can write them so."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Edits:
    """Of the N rows of a training file.

    Attributes:
        kept: (N,) which rows stay.
        cells: from a row to the new cells of its target columns, in the order of `targets`.
        targets: these columns.
    """

    kept: BoolArray
    cells: dict[int, tuple[Any, ...]]
    targets: tuple[str, ...]

    @classmethod
    def only(cls, rows: int, cells: dict[int, tuple[Any, ...]], targets: tuple[str, ...]) -> "Edits":
        """New cells, and no row goes."""
        return cls(np.ones(rows, dtype=bool), cells, targets)


class Chosen(NamedTuple):
    """Some rows, ascending, of the file at `path`, with what has changed in that file."""

    path: str
    rows: IntArray
    edits: Edits


class Layout(Protocol):
    """Writes data of one kind in the layout that they came in.

    Attributes:
        keeps_order: whether rows stay in their order when labels change.
    """

    keeps_order: bool

    def copy(self, source: str, folder: Path, edits: Edits) -> Path:
        """Write the file or folder at `source`, edited, below `folder` under its own name; returns its path."""
        ...

    def together(self, parts: Sequence[Chosen], folder: Path, name: str) -> Path:
        """Write rows of several files as one, called `name` (and an ending), below `folder`; returns its path."""
        ...

    def targets(self, source: str, names: Sequence[str]) -> list[Any]:
        """The target columns `names` of the file or folder at `source`, as they stand there: Arrow arrays of N cells."""
        ...
