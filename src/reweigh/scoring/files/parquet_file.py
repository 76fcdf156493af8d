"""Parquet: read by batches of rows, so that no file is in memory as a whole."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from reweigh.arrow import pa, parquet
from reweigh.errors import BadInput
from reweigh.ledger.visits import Array
from reweigh.scoring.files.json_lines import taken
from reweigh.scoring.files.source import WINDOW, Row, in_windows
from reweigh.words import said_by


class Parquet:
    """Reads and writes them."""

    endings = (".parquet", ".pq")

    def columns(self, path: Path) -> list[str]:
        """The names of the schema."""
        with _opened(path) as file:
            return list(file.schema_arrow.names)

    def count(self, path: Path) -> int:
        """As the file says."""
        with _opened(path) as file:
            return int(file.metadata.num_rows)

    def windows(self, path: Path, columns: Sequence[str] | None = None) -> Iterator[list[Row]]:
        """Rows as Python has them."""
        with _opened(path) as file:
            yield from in_windows(row for batch in _batches(file, columns) for row in batch.to_pylist())

    def keep(self, path: Path, target: Path, kept: Array) -> None:
        """Rows with their types."""
        with _opened(path) as file, parquet.ParquetWriter(target, file.schema_arrow) as writer:
            start = 0
            for batch in _batches(file):
                here = batch.filter(pa.array(kept[start : start + len(batch)]))
                start += len(batch)
                if len(here):
                    writer.write_batch(here)

    def weigh(self, path: Path, target: Path, weights: Array, column: str) -> None:
        """Rows with their types, and a column of numbers more.

        Raises:
            BadInput: if there is one of that name.
        """
        with _opened(path) as file:
            schema = file.schema_arrow
            if column in schema.names:
                raise taken(path, column)
            with parquet.ParquetWriter(target, schema.append(pa.field(column, pa.float64()))) as writer:
                start = 0
                for batch in _batches(file):
                    theirs = pa.array(weights[start : start + len(batch)], type=pa.float64())
                    writer.write_batch(batch.append_column(column, theirs))
                    start += len(batch)


def _batches(file: Any, columns: Sequence[str] | None = None) -> Iterator[Any]:
    """Group by group: Arrow cannot read columns of every nested type across the end of one."""
    named = None if columns is None else list(columns)
    for group in range(file.num_row_groups):
        yield from file.iter_batches(batch_size=WINDOW, columns=named, row_groups=[group])


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The file; what Arrow cannot read of it is said in a sentence.

    Raises:
        BadInput: if it is no Parquet file, or damaged.
    """
    try:
        with parquet.ParquetFile(path) as file:
            yield file
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as refused:
        raise BadInput(f"{path} cannot be read as Parquet ({said_by(refused)}): put a good copy there") from refused
