"""A file of rows: what is asked of whatever reads and writes one kind."""

import functools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from reweigh.ledger.visits import Array

WINDOW = 4096
"""So many rows are in memory at a time."""
Row = dict[str, Any]


class Kind(Protocol):
    """Reads one kind of file, and writes rows of it again as they stand there."""

    @property
    def endings(self) -> tuple[str, ...]:
        """What the names of such files end in."""
        ...

    def columns(self, path: Path) -> list[str]:
        """The names of the columns."""
        ...

    def count(self, path: Path) -> int:
        """How many rows there are."""
        ...

    def windows(self, path: Path, columns: Sequence[str] | None = None) -> Iterator[list[Row]]:
        """All rows in their order, at most `WINDOW` at a time; of other columns nothing is read where that can be."""
        ...

    def keep(self, path: Path, target: Path, kept: Array) -> None:
        """Write the rows that are `kept`, (N,) bool, as they stand in the file."""
        ...

    def weigh(self, path: Path, target: Path, weights: Array, column: str) -> None:
        """Write all rows with a column of `weights`, (N,), more."""
        ...


@dataclass(frozen=True)
class Shard:
    """One file of a data set.

    Attributes:
        name: the file below the folder that all files of the data set lie in.
        path: where it lies.
        kind: how it is read.
        rows: how many it has.
        digest: the SHA-256 of its content.
    """

    name: str
    path: Path
    kind: Kind
    rows: int
    digest: str

    @functools.cached_property
    def columns(self) -> list[str]:
        """The names of its columns."""
        return self.kind.columns(self.path)

    def called(self, row: Row, place: int, id: str | None) -> str:
        """What a row is called, by the column `id`, or FILE:ROW, rows counted from 0."""
        value = None if id is None else row.get(id)
        return f"{self.name}:{place}" if value is None else str(value)

    def as_json(self) -> dict[str, Any]:
        """What a scores file says of it."""
        return {"name": self.name, "path": str(self.path), "rows": self.rows, "digest": self.digest}


def in_windows(rows: Iterable[Any]) -> Iterator[list[Any]]:
    """At most `WINDOW` at a time."""
    window: list[Any] = []
    for row in rows:
        window.append(row)
        if len(window) == WINDOW:
            yield window
            window = []
    if window:
        yield window
