"""A Parquet file as columns of plain types, a few columns at a time."""

import base64
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ...errors import BadInput, require
from .arrow_types import plain
from .csv_file import column_names
from .text_file import unreadable

ROWS = 65_536  # rows read at a time
CELLS = 1 << 22  # and cells, where whole columns are
MOST_ROWS_A_BYTE = 200
"""Rows of a million or more for each byte of the file that are believed: a few bytes can repeat one value for ever."""


class ParquetFile:
    """The table at `path`: its column `names`, and its rows, as often as they are asked for.

    Raises:
        BadInput: the file is not Parquet, or names two columns alike.
    """

    def __init__(self, path: Path) -> None:
        """Read the schema."""
        self.path, self.notes = path, list[str]()
        with self._opened() as file:
            self._stored = list(file.schema_arrow.names)
            self._categories = _categories(file.metadata.metadata or {})
            self.rows = int(file.metadata.num_rows)
        self.names = column_names(self._stored, path)
        if self.rows > max(1_000_000, MOST_ROWS_A_BYTE * path.stat().st_size):
            raise BadInput(f"{path} claims {self.rows:,} rows in a few bytes: check where it comes from")

    def batches(self) -> Iterator[Any]:
        """The rows as `pyarrow.RecordBatch`es with the file's types, in order."""
        with self._reading() as file:
            for batch in file.iter_batches(batch_size=ROWS):
                batch.validate(full=True)  # a damaged file may hold text that is none
                yield batch.rename_columns(self.names)

    def table(self) -> Any:
        """All rows as a `pyarrow.Table`, with the file's types."""
        with self._reading() as file:
            table = file.read()
            table.validate(full=True)
        return table.rename_columns(self.names)

    def keep(self, names: Sequence[str]) -> None:
        """Nothing is kept of any column."""

    def columns(self, names: Sequence[str]) -> Iterator[Any]:
        """The columns of these names, each a `pyarrow.ChunkedArray` of a plain type."""
        place = dict(zip(self.names, self._stored, strict=True))
        step = max(1, CELLS // max(self.rows, 1))
        for start in range(0, len(names), step):
            group = [place[name] for name in names[start : start + step]]
            with self._reading() as file:
                table = file.read(columns=group)
                table.validate(full=True)
                found = [plain(table.column(name), as_names=name in self._categories) for name in group]
            yield from found

    def pieces(self, name: str) -> Iterator[Any]:
        """One column, a piece after the other, of a plain type."""
        stored = dict(zip(self.names, self._stored, strict=True))[name]
        with self._reading() as file:
            for batch in file.iter_batches(batch_size=ROWS, columns=[stored]):
                batch.validate(full=True)
                yield plain(batch.column(0), as_names=stored in self._categories)

    @contextmanager
    def _reading(self) -> Iterator[Any]:
        pa = require("pyarrow", "cli")
        try:
            with self._opened() as file:
                yield file
        except BadInput:
            raise
        except (pa.ArrowException, OSError, ValueError) as refused:
            raise unreadable(self.path, refused) from refused

    def _opened(self) -> Any:
        pa, parquet = require("pyarrow", "cli"), require("pyarrow.parquet", "cli")
        try:
            return parquet.ParquetFile(str(self.path))
        except (pa.ArrowException, OSError, ValueError) as refused:
            raise unreadable(self.path, refused) from refused


def _categories(metadata: dict[bytes, bytes]) -> set[str]:
    """The columns that pandas, polars or Arrow stored as categories, numbers among them; Parquet itself does not know."""
    pa, kinds = require("pyarrow", "cli"), require("pyarrow.types", "cli")
    try:
        schema = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(metadata[b"ARROW:schema"])))
        return {field.name for field in schema if kinds.is_dictionary(field.type)}
    except (KeyError, ValueError, OSError, pa.ArrowException):
        return set()
