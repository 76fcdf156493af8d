"""A Parquet file, or a folder of them, as columns of plain types, a few columns at a time."""

import base64
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import BadInput, require
from ...words import shown
from ..scratch import in_memory
from .arrow_types import plain
from .csv_file import column_names
from .free_text import BYTES_A_ROW
from .held import batches_of, rows_at_once
from .text_file import unreadable

SUFFIXES = (".parquet", ".pq")
ROWS = 65_536  # rows read at a time
CELLS = 1 << 22  # and cells, where whole columns are
MOST_ROWS_A_BYTE = 200
"""Rows of a million or more for each byte of the file that are believed: a few bytes can repeat one value for ever."""


def parts_at(path: Path) -> list[Path]:
    """The Parquet files of a folder, or of a pattern such as "parts/*.parquet", in the order of their names."""
    found = path.iterdir() if path.is_dir() else path.parent.glob(path.name) if "*" in path.name else ()
    return sorted(part for part in found if part.suffix.lower() in SUFFIXES and part.is_file())


class ParquetFile:
    """The table at `path`, a file or a folder of parts: its column `names`, and its rows, as often as they are asked for.

    Raises:
        BadInput: a file is not Parquet, names two columns alike, or has other columns than the first part.
    """

    def __init__(self, path: Path) -> None:
        """Read the schema."""
        self.path, self.notes, self.rows = path, list[str](), 0
        self.parts, self._categories = parts_at(path) or [path], set[str]()
        self.sizes = list[int]()
        self._stored = self._names_of(self.parts[0])
        for part in self.parts:
            self._look_at(part)
        self.names = column_names(self._stored, path)
        if len(self.parts) > 1:
            self.notes.append(f"{path} has {len(self.parts):,} parts, read in the order of their names")

    def _look_at(self, part: Path) -> None:
        with self._opened(part) as file:
            rows = int(file.metadata.num_rows)
            self._categories |= _categories(file.metadata.metadata or {})
        if rows > max(1_000_000, MOST_ROWS_A_BYTE * part.stat().st_size):
            raise BadInput(f"{part} claims {rows:,} rows in a few bytes: check where it comes from")
        self.rows += rows
        self.sizes.append(rows)
        odd = set(self._names_of(part)) ^ set(self._stored)
        if odd:
            raise BadInput(
                f"{part} and {self.parts[0]} differ in column {shown(min(odd))}: give parts with the same columns"
            )

    def _names_of(self, part: Path) -> list[str]:
        with self._opened(part) as file:
            return list(file.schema_arrow.names)

    def lines(self) -> npt.NDArray[np.int64]:
        """(N,) the line of each example within its part, as if the names stood in the first, as in a spreadsheet."""
        return np.concatenate([np.arange(rows, dtype=np.int64) + 2 for rows in self.sizes])

    def batches(self) -> Iterator[Any]:
        """The rows as `pyarrow.RecordBatch`es with the file's types, in order."""
        for part in self.parts:
            with self._reading(part) as file:
                for batch in batches_of(file, ROWS):
                    batch.validate(full=True)  # a damaged file may hold text that is none
                    yield batch.select(self._stored).rename_columns(self.names)

    def table(self) -> Any:
        """All rows as a `pyarrow.Table`, with the file's types."""
        return self._joined([self._read(part, self._stored) for part in self.parts]).rename_columns(self.names)

    def keep(self, names: Sequence[str]) -> None:
        """Nothing is kept of any column."""

    def columns(self, names: Sequence[str]) -> Iterator[Any]:
        """The columns of these names, each a `pyarrow.ChunkedArray` of a plain type."""
        place = dict(zip(self.names, self._stored, strict=True))
        step = max(1, CELLS // max(self.rows, 1))
        for start in range(0, len(names), step):
            group = [place[name] for name in names[start : start + step]]
            yield from self._joined([self._plain(self._read(part, group)) for part in self.parts]).columns

    def is_long(self, name: str) -> bool:
        """Whether a column holds long texts, more than memory should."""
        stored, size = dict(zip(self.names, self._stored, strict=True))[name], 0
        for part in self.parts:
            with self._opened(part) as file:
                size += _size_of(file.metadata, stored)
        return size > in_memory() and size > BYTES_A_ROW * self.rows

    def pieces(self, name: str) -> Iterator[Any]:
        """One column, a piece after the other, of a plain type."""
        stored = dict(zip(self.names, self._stored, strict=True))[name]
        for part in self.parts:
            with self._reading(part) as file:
                step = min(ROWS, rows_at_once(_size_of(file.metadata, stored), int(file.metadata.num_rows)))
                for batch in batches_of(file, step, [stored]):
                    batch.validate(full=True)
                    yield plain(batch.column(0), as_names=stored in self._categories)

    def _read(self, part: Path, names: Sequence[str]) -> Any:
        with self._reading(part) as file:
            table = file.read(columns=list(names)).select(list(names))
            table.validate(full=True)
        return table

    def _plain(self, table: Any) -> Any:
        pa = require("pyarrow", "cli")
        found = [plain(table.column(name), as_names=name in self._categories) for name in table.column_names]
        return pa.table(found, names=table.column_names)

    def _joined(self, tables: list[Any]) -> Any:
        pa = require("pyarrow", "cli")
        try:
            return tables[0] if len(tables) == 1 else pa.concat_tables(tables, promote_options="permissive")
        except pa.ArrowException as refused:
            said = " ".join(str(refused).split())[:120]
            raise BadInput(
                f"the parts of {self.path} have columns of different types ({said}): write them alike"
            ) from refused

    @contextmanager
    def _reading(self, part: Path) -> Iterator[Any]:
        pa = require("pyarrow", "cli")
        try:
            with self._opened(part) as file:
                yield file
        except BadInput:
            raise
        except (pa.ArrowException, OSError, ValueError) as refused:
            raise unreadable(part, refused) from refused

    def _opened(self, part: Path) -> Any:
        pa, parquet = require("pyarrow", "cli"), require("pyarrow.parquet", "cli")
        try:
            return parquet.ParquetFile(str(part))
        except (pa.ArrowException, OSError, ValueError) as refused:
            raise unreadable(part, refused) from refused


def _size_of(metadata: Any, name: str) -> int:
    """Bytes of a column, unpacked."""
    size = 0
    for group in range(metadata.num_row_groups):
        columns = (metadata.row_group(group).column(place) for place in range(metadata.num_columns))
        size += sum(column.total_uncompressed_size for column in columns if column.path_in_schema == name)
    return size


def _categories(metadata: dict[bytes, bytes]) -> set[str]:
    """The columns that pandas, polars or Arrow stored as categories, numbers among them; Parquet itself does not know."""
    pa, kinds = require("pyarrow", "cli"), require("pyarrow.types", "cli")
    try:
        schema = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(metadata[b"ARROW:schema"])))
        return {field.name for field in schema if kinds.is_dictionary(field.type)}
    except (KeyError, ValueError, OSError, pa.ArrowException):
        return set()
