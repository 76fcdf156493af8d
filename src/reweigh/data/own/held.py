"""The columns of a text file, once it is read: in memory while they are few, on the disk from a size on.

On the disk they are a Parquet file, from which one column after the other is read. Which of the two it is changes nothing in
what is found: a column is the same cells either way.
"""

import abc
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ...errors import require
from ..scratch import Scratch, in_memory, room
from .free_text import BYTES_A_ROW

_ROWS, _BYTES = 65_536, 16 << 20  # read at a time


def rows_at_once(size: int, rows: int) -> int:
    """Rows to read at a time of so many, which take `size` bytes together: fewer, where they are long."""
    return max(1, min(_ROWS, _BYTES * rows // max(size, 1)))


def batches_of(file: Any, rows: int, names: Sequence[str] | None = None) -> Iterator[Any]:
    """Batches of at most so many rows of an opened `pyarrow.parquet.ParquetFile`, one group of rows after the other.

    Asked for all groups at once, Arrow (26) keeps what it has read of them to the end.
    """
    for group in range(file.metadata.num_row_groups):
        yield from file.iter_batches(batch_size=rows, row_groups=[group], columns=names)


class Held:
    """The rows of `batches` (`pyarrow.RecordBatch`es of this schema), which are gone through once."""

    def __init__(self, batches: Iterable[Any], schema: Any) -> None:
        pa = require("pyarrow", "cli")
        self._schema, self.rows = schema, 0
        self._scratch: Scratch | None = None
        self._table: Any = None
        self._sizes = dict.fromkeys(schema.names, 0)
        few, most = list[Any](), in_memory()
        batches = iter(batches)
        for batch in batches:
            few.append(batch)
            self._add(batch)
            if sum(self._sizes.values()) > most:
                self._spill(few, batches)
                break
        else:
            self._table = pa.Table.from_batches(few, schema)
        pa.default_memory_pool().release_unused()

    def _spill(self, few: list[Any], batches: Iterator[Any]) -> None:
        parquet, scratch = require("pyarrow.parquet", "cli"), Scratch()
        self._scratch, self._path = scratch, scratch / "columns.parquet"
        with room(scratch.path), parquet.ParquetWriter(str(self._path), self._schema) as file:
            while few:
                file.write_batch(few.pop(0))
            for batch in batches:
                self._add(batch)
                file.write_batch(batch)

    def _add(self, batch: Any) -> None:
        self.rows += len(batch)
        for name, column in zip(self._schema.names, batch.columns, strict=True):
            self._sizes[name] += column.nbytes

    @property
    def on_disk(self) -> bool:
        """Whether they are."""
        return self._scratch is not None

    def table(self) -> Any:
        """All of it as a `pyarrow.Table`, in memory."""
        return self._table if self._table is not None else self._read(self._schema.names)

    def keep(self, names: Sequence[str]) -> None:
        """Forget all other columns, where they are in memory."""
        if self._table is not None:
            self._table = self._table.select([name for name in self._schema.names if name in set(names)])
            require("pyarrow", "cli").default_memory_pool().release_unused()

    def columns(self, names: Sequence[str]) -> Iterator[Any]:
        """The columns of these names one after the other, each a `pyarrow.ChunkedArray`."""
        for name in names:
            yield self._table.column(name) if self._table is not None else self._read([name]).column(0)

    def is_long(self, name: str) -> bool:
        """Whether a column is on the disk because it holds long texts."""
        size = self._sizes[name]
        return self.on_disk and size > in_memory() and size > BYTES_A_ROW * self.rows

    def pieces(self, name: str) -> Iterator[Any]:
        """One column in pieces, for what need not be seen whole."""
        if self._table is not None:
            yield from self._table.column(name).chunks
            return
        parquet = require("pyarrow.parquet", "cli")
        with parquet.ParquetFile(str(self._path)) as file:
            for batch in batches_of(file, rows_at_once(self._sizes[name], self.rows), [name]):
                yield batch.column(0)

    def _read(self, names: Sequence[str]) -> Any:
        parquet = require("pyarrow.parquet", "cli")
        require("pyarrow", "cli").default_memory_pool().release_unused()
        with parquet.ParquetFile(str(self._path)) as file:
            return file.read(columns=list(names)).select(list(names))


class HeldTable(abc.ABC):
    """A text file as columns, which is read once and then held; a subclass says what its rows are."""

    path: Path
    names: list[str]
    notes: list[str]
    _held: Held | None = None

    @abc.abstractmethod
    def batches(self) -> Iterator[Any]:
        """The rows as `pyarrow.RecordBatch`es, in order; a column has the same type in all."""

    @abc.abstractmethod
    def _schema(self) -> Any:
        """That of the batches."""

    def _all(self) -> Held:
        if self._held is None:
            self._held = Held(self.batches(), self._schema())
        return self._held

    def table(self) -> Any:
        """All rows as a `pyarrow.Table`."""
        return self._all().table()

    def keep(self, names: Sequence[str]) -> None:
        """Forget the cells of all other columns."""
        self._all().keep(names)

    @property
    def rows(self) -> int:
        """N; reads the file."""
        return self._all().rows

    def columns(self, names: Sequence[str]) -> Iterator[Any]:
        """The columns of these names, each a `pyarrow.ChunkedArray`."""
        return self._all().columns(names)

    def is_long(self, name: str) -> bool:
        """Whether a column holds long texts, more than memory should."""
        return self._all().is_long(name)

    def pieces(self, name: str) -> Iterator[Any]:
        """One column, a piece after the other."""
        return self._all().pieces(name)
