"""JSON lines: an object a line, UTF-8; empty lines are no rows."""

import json
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from reweigh.errors import BadInput
from reweigh.ledger.visits import Array
from reweigh.scoring.files.source import Row, in_windows
from reweigh.strict_json import parse_object


class JsonLines:
    """Reads and writes them."""

    endings = (".jsonl", ".ndjson")

    def columns(self, path: Path) -> list[str]:
        """The keys of the first window's objects: later ones may lack some, or have more."""
        first = next(self.windows(path), [])
        return list(dict.fromkeys(chain.from_iterable(first)))

    def count(self, path: Path) -> int:
        """How many lines are not empty."""
        return sum(1 for _ in _lines(path))

    def windows(self, path: Path, columns: Sequence[str] | None = None) -> Iterator[list[Row]]:
        """Whole objects, since a line is read at once.

        Raises:
            BadInput: for a line that is no object, by its number.
        """
        yield from in_windows(parse_object(line, f"line {number} of {path}") for number, line in _lines(path))

    def keep(self, path: Path, target: Path, kept: Array) -> None:
        """Lines byte for byte."""
        with target.open("wb") as file:
            for here, (_, line) in zip(kept.tolist(), _lines(path), strict=True):
                if here:
                    file.write(line + b"\n")

    def weigh(self, path: Path, target: Path, weights: Array, column: str) -> None:
        """Objects with one key more, the last.

        Raises:
            BadInput: if one has it already.
        """
        with target.open("wb") as file:
            each = iter(weights.tolist())
            for row in chain.from_iterable(self.windows(path)):
                if column in row:
                    raise taken(path, column)
                file.write(line_of({**row, column: next(each)}))


def line_of(row: Row) -> bytes:
    """An object as a line."""
    return (json.dumps(row, ensure_ascii=False, default=str) + "\n").encode("utf-8", "surrogatepass")


def taken(path: Path, column: str) -> BadInput:
    """The sentence for a column of weights whose name is taken."""
    return BadInput(f"{path} has a column {column!r} already: name that of the weights by --column")


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            stripped = line.rstrip(b"\r\n")
            if number == 1:
                stripped = stripped.removeprefix(b"\xef\xbb\xbf")
            if stripped.strip():
                yield number, stripped
