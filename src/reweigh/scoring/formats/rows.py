"""All rows of a data set with their weights, as other programs are given them; and files of JSON lines of them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from reweigh.ledger.visits import Array
from reweigh.scoring.files import Row, Shard, line_of
from reweigh.scoring.texts import Columns


class Weighed(NamedTuple):
    """A row as it stands in its file, what it is called, its weight, and where it is, for people."""

    row: Row
    id: str
    weight: float
    where: str


@dataclass(frozen=True)
class Rows:
    """N rows, gone through as often as one likes.

    Attributes:
        shards: the files.
        columns: how rows are texts.
        id: the column that they are called by; None for FILE:ROW.
        weights: (N,).
        name: what the column of weights is to be called.
    """

    shards: Sequence[Shard]
    columns: Columns
    id: str | None
    weights: Array
    name: str

    def __iter__(self) -> Iterator[Weighed]:
        start = 0
        for shard in self.shards:
            place = 0
            for window in shard.kind.windows(shard.path):
                for row in window:
                    name = shard.called(row, place, self.id)
                    yield Weighed(row, name, float(self.weights[start]), f"row {name} of {shard.path}")
                    place, start = place + 1, start + 1


class Format(Protocol):
    """Writes rows with their weights as another program takes them."""

    name: str

    def write(self, rows: Rows, folder: Path) -> list[str]:
        """The files, by their names in the folder.

        Raises:
            BadInput: for a row that the program has no place for.
        """
        ...

    def step(self, folder: Path) -> str:
        """What to do with them, and what to beware of, in a sentence without its full stop."""
        ...


LINES = "weighed.jsonl"


def in_lines(rows: Rows, folder: Path, told: Callable[[Weighed], dict[str, Any]]) -> list[str]:
    """An object a row, in one file of the folder, `LINES`."""
    with (folder / LINES).open("wb") as file:
        for one in rows:
            file.write(line_of(told(one)))
    return [LINES]
