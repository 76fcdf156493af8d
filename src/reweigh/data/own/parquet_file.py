"""A Parquet file, read in blocks."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...errors import require
from .csv_file import column_names, unreadable

ROWS = 65_536  # rows read at a time


class ParquetFile:
    """The table at `path`: its column `names`, and its rows, as often as they are asked for.

    Raises:
        BadInput: the file is not Parquet, or names two columns alike.
    """

    def __init__(self, path: Path) -> None:
        """Read the schema."""
        self.path = path
        with self._opened() as file:
            self.names = column_names(list(file.schema_arrow.names), path)

    def batches(self) -> Iterator[Any]:
        """The rows as `pyarrow.RecordBatch`es with the file's types, in order."""
        pa = require("pyarrow", "cli")
        try:
            with self._opened() as file:
                for batch in file.iter_batches(batch_size=ROWS):
                    batch.validate(full=True)  # a damaged file may hold text that is none
                    yield batch.rename_columns(self.names)
        except (pa.ArrowException, OSError, ValueError) as refused:
            raise unreadable(self.path, refused) from refused

    def _opened(self) -> Any:
        pa, parquet = require("pyarrow", "cli"), require("pyarrow.parquet", "cli")
        try:
            return parquet.ParquetFile(str(self.path))
        except (pa.ArrowException, OSError, ValueError) as refused:
            raise unreadable(self.path, refused) from refused
