"""A CSV file as columns of text.

Types that a reader guesses from the first block fail on the millionth row, so every cell comes as text and
what it means is decided elsewhere, from all rows. Arrow reads the cells; whatever does not fit is one sentence with the
line or the byte.
"""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import BadInput, require
from ...words import shown
from .csv_rows import CsvRow, rows_of
from .dialect import find_dialect, row_of_sheet, walk
from .held import HeldTable
from .text_file import DAMAGED, TextFile, unreadable

BLOCK = 8 << 20  # bytes read at a time; a row may not be longer


class CsvFile(HeldTable):
    """The table at `path`: its column `names`, and its rows, as often as they are asked for.

    Raises:
        BadInput: the file is empty, is not text, or names two columns alike.
    """

    def __init__(self, path: Path) -> None:
        """Look at every byte, and find delimiter, encoding and names."""
        self.path, self.text = path, TextFile(path)
        if not self.text.head.strip():
            raise BadInput(f"{path} is empty: give a table with a line of column names and a row an example")
        try:
            self.dialect = find_dialect(self.text)
        except DAMAGED as refused:
            raise unreadable(path, refused) from refused
        header = self.dialect.header[:-1] if self.dialect.trailing else self.dialect.header
        self.names = column_names(header, path)
        self.notes = [*self.dialect.notes, *_looks_like_data(self.names, path)]

    def rows_as_written(self) -> Iterator[CsvRow]:
        """All rows with their text: those before the names, the names, the examples, and blank ones."""
        return rows_of(self.text, self.dialect)

    def lines(self) -> npt.NDArray[np.int64]:
        """(N,) the line of each example, as a spreadsheet counts them."""
        found = [row.line for row in self.rows_as_written() if row.fields]
        return np.array(found[1:], dtype=np.int64)

    def batches(self) -> Iterator[Any]:
        """The rows as `pyarrow.RecordBatch`es of strings, in order."""
        pa, arrow_csv = require("pyarrow", "cli"), require("pyarrow.csv", "cli")
        dialect, header = self.dialect, self.dialect.header
        names = {"column_names": header, "skip_rows": dialect.skip + 1} if dialect.trailing else {}
        encoding = "utf8" if self.text.encoding == "utf-8" else self.text.encoding
        reading = arrow_csv.ReadOptions(block_size=BLOCK, encoding=encoding, **({"skip_rows": dialect.skip} | names))
        parsing = arrow_csv.ParseOptions(
            delimiter=dialect.delimiter, newlines_in_values=dialect.quoted, quote_char='"' if dialect.quoted else False
        )
        texts = arrow_csv.ConvertOptions(column_types={name: pa.string() for name in header}, strings_can_be_null=False)
        try:
            with pa.input_stream(str(self.path)) as stream, arrow_csv.open_csv(stream, reading, parsing, texts) as rows:
                for batch in rows:
                    if dialect.trailing:
                        self._check_trailing(batch.column(len(header) - 1))
                        batch = batch.select(range(len(header) - 1))
                    yield batch.rename_columns(self.names)
        except (pa.ArrowException, UnicodeError, *DAMAGED) as refused:
            if "Empty CSV" in str(refused):  # names and nothing else
                return
            raise self._explained(refused) from refused

    def _schema(self) -> Any:
        pa = require("pyarrow", "cli")
        return pa.schema([(name, pa.string()) for name in self.names])

    def _check_trailing(self, last: Any) -> None:
        compute = require("pyarrow.compute", "cli")
        if compute.any(compute.not_equal(last, "")).as_py():
            raise BadInput(
                f"rows of {self.path} have {len(self.names) + 1} fields where the first line has {len(self.names)}: "
                "give every column a name"
            )

    def _explained(self, refused: Exception) -> BadInput:
        said = str(refused)
        if "columns, got" in said:
            return self._ragged()
        if "straddl" in said:
            return BadInput(
                f"a row of {self.path} is longer than {BLOCK >> 20} MiB: look for a quotation mark that is never closed, "
                "or shorten the text"
            )
        return unreadable(self.path, refused)

    def _ragged(self) -> BadInput:
        """Find the row with a field too many or too few, line by line; only on the way to an error."""
        width = len(self.names)
        line, row, fields = walk(self.text, self.dialect, self.dialect.quoted).wrong or (0, 0, 0)
        return BadInput(
            f"line {line} of {self.path}{row_of_sheet(line, row)} has {fields} fields where the first line has {width}: "
            f"quote fields that hold {shown(self.dialect.delimiter)}, or mend the row"
        )


def column_names(header: list[str], path: Path) -> list[str]:
    """Trimmed names, one a column; a nameless column, as pandas writes one for its index, is "column 0" by its place."""
    names = [name.strip() or f"column {place}" for place, name in enumerate(header)]
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise BadInput(f"{path} has two columns named {shown(name)}: give every column a name of its own")
        seen.add(name)
    return names


def _looks_like_data(names: list[str], path: Path) -> list[str]:
    """A first line of numbers that do not count up (as places or years do) may be no line of names."""
    numbers = [_number(name) for name in names]
    found = [number for number in numbers if number is not None]
    steps = {later - earlier for earlier, later in pairwise(found)}
    if not found or (len(found) == len(names) and steps <= {1.0}) or (len(found) > 1 and len(steps) == 1):
        return []
    example = shown(names[next(place for place, number in enumerate(numbers) if number is not None)])
    return [f"the first line of {path} is taken as column names, though {example} looks like data"]


def _number(name: str) -> float | None:
    try:
        return float(name)
    except ValueError:
        return None
