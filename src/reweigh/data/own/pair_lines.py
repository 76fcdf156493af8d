"""Pairs of texts in lines: two fields of each line with a tab between them, or a file for each side.

A line ends in a line feed and nowhere else: other signs at which Python ends a line stand within sentences, and would move
one side against the other. Quotation marks are characters.
"""

import io
from collections.abc import Iterator, Sequence
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any

from ...arrow import pa
from ...errors import BadInput
from ...words import counted, shown
from .held import HeldTable
from .text_file import DAMAGED, TextFile, unreadable

_ROWS = 16_384  # at a time


class Lines:
    """The lines of a text file, as often as they are asked for.

    Raises:
        BadInput: the file cannot be read, or is not of one encoding throughout.
    """

    def __init__(self, path: Path) -> None:
        self.path, self._text = path, TextFile(path)
        self.first = self._text.head.split("\n", 1)[0].removesuffix("\r")

    def __iter__(self) -> Iterator[str]:
        try:
            with io.TextIOWrapper(self._text.opened(), encoding=self._text.codec, newline="\n") as file:
                for line in file:
                    yield line.removesuffix("\n").removesuffix("\r")
        except DAMAGED as refused:
            raise unreadable(self.path, refused) from refused


class _Rows(HeldTable):
    """Rows of texts, as columns."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names, self.notes = list(names), list[str]()

    def _rows(self) -> Iterator[Sequence[str | None]]:
        raise NotImplementedError

    def _schema(self) -> Any:
        return pa.schema([(name, pa.string()) for name in self.names])

    def batches(self) -> Iterator[Any]:
        """The rows, in order."""
        rows = self._rows()
        while block := list(islice(rows, _ROWS)):
            columns = [pa.array(column, pa.string()) for column in zip(*block, strict=True)]
            yield pa.RecordBatch.from_arrays(columns, schema=self._schema())


class TwoFiles(_Rows):
    """A file for each side; columns of these names."""

    def __init__(self, paths: Sequence[Path], names: Sequence[str]) -> None:
        super().__init__(names)
        self.path, self._sides = Path(",".join(map(str, paths))), [Lines(path) for path in paths]

    def _rows(self) -> Iterator[Sequence[str]]:
        row = 0
        for row, pair in enumerate(zip_longest(*self._sides), 1):
            if None in pair:
                longer = pair.index(next(side for side in pair if side is not None))
                raise self._unequal(longer, row - 1)
            yield pair

    def _unequal(self, longer: int, count: int) -> BadInput:
        long, short = self._sides[longer], self._sides[1 - longer]
        lines = sum(1 for _ in long)
        return BadInput(
            f"{long.path} has {counted(lines, 'line')} and {short.path} has {count:,}: line n of both is a pair, so give "
            "files that were never sorted or filtered apart"
        )


class Fields(_Rows):
    """A file of lines without names of columns; `places` are those of the fields with these names, from 0."""

    def __init__(self, lines: Lines, names: Sequence[str], places: Sequence[int]) -> None:
        super().__init__(names)
        self.path, self._lines, self._places = lines.path, lines, places

    def _rows(self) -> Iterator[Sequence[str]]:
        fewest = max(self._places) + 1
        for number, line in enumerate(self._lines, 1):
            fields = line.split("\t")
            if len(fields) < fewest:
                raise BadInput(
                    f"line {number} of {self.path} has {counted(len(fields), 'field')} and no {fewest}. one, {shown(line)}: "
                    "put a tab between source and target in every line"
                )
            yield [fields[place] for place in self._places]


class TableOf(_Rows):
    """Rows of texts that an iterator gives, each time it is asked for."""

    def __init__(self, path: Path, names: Sequence[str], rows: Any) -> None:
        super().__init__(names)
        self.path, self._made = path, rows

    def _rows(self) -> Iterator[Sequence[str | None]]:
        yield from self._made()
