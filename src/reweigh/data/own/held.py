"""The columns of a text file, once it is read: in memory while they are few, on the disk from a size on.

On the disk they are a Parquet file, from which one column after the other is read. Which of the two it is changes nothing in
what is found: a column is the same cells either way.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ...errors import require
from ..scratch import Scratch, in_memory, room

_ROWS = 65_536  # rows read at a time


class Held:
    """The rows of `batches` (`pyarrow.RecordBatch`es of this schema), which are gone through once."""

    def __init__(self, batches: Iterable[Any], schema: Any) -> None:
        pa = require("pyarrow", "cli")
        self._schema, self.rows = schema, 0
        self._scratch: Scratch | None = None
        self._table: Any = None
        few, size, most = list[Any](), 0, in_memory()
        batches = iter(batches)
        for batch in batches:
            few.append(batch)
            size, self.rows = size + batch.nbytes, self.rows + len(batch)
            if size > most:
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
                self.rows += len(batch)
                file.write_batch(batch)

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

    def pieces(self, name: str) -> Iterator[Any]:
        """One column in pieces, for what need not be seen whole."""
        if self._table is not None:
            yield from self._table.column(name).chunks
            return
        parquet = require("pyarrow.parquet", "cli")
        with parquet.ParquetFile(str(self._path)) as file:
            for batch in file.iter_batches(batch_size=_ROWS, columns=[name]):
                yield batch.column(0)

    def _read(self, names: Sequence[str]) -> Any:
        parquet = require("pyarrow.parquet", "cli")
        require("pyarrow", "cli").default_memory_pool().release_unused()
        with parquet.ParquetFile(str(self._path)) as file:
            return file.read(columns=list(names)).select(list(names))
