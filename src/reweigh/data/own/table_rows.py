"""One pass over a table: inputs by whoever encodes them, and the columns that have a role, kept as they stand."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from ...errors import BadInput, require
from .columns import Roles, present
from .csv_file import CsvFile
from .parquet_file import ParquetFile
from .paths import open_table
from .rows import Grown, Rows
from .targets import as_flags
from .values import MISSING_LABEL, BoolArray, as_words
from .words import shown

Encode = Callable[[Any, str, int], npt.NDArray[Any]]
"""From a `RecordBatch`, the file, and the row number of its first row to (rows, ...) inputs."""


def read_table(
    path: str | Path,
    part: str,
    roles: Roles,
    needed: tuple[str, ...],
    encode: Encode,
    like: npt.NDArray[Any],
    rows: int = 0,
) -> Rows:
    """The rows of the table at `path`, which is the "train", "clean", "test" or "new" part.

    `needed` are the columns that `encode` reads, `like` an array of inputs (any number of rows) for shape and type,
    `rows` a guess at their number. All parts need the targets but a new one.

    Raises:
        BadInput: a column is missing, the table has no rows, or a cell cannot be used.
    """
    file = open_table(path)
    for name in (*needed, *(roles.targets if part != "new" else ())):
        present(name, file.names, file.path)
    kept = [name for name in roles.all if name in file.names]
    space, where, done = Grown(like.shape[1:], like.dtype, rows), str(file.path), 0
    columns: dict[str, list[Any]] = {name: [] for name in kept}
    batches: list[Any] = []
    for batch in file.batches():
        space.add(encode(batch, where, done))
        done += batch.num_rows
        for name in kept:
            columns[name].append(batch.column(name))
        if part == "new":
            batches.append(batch)
    if not done:
        raise BadInput(f"{file.path} has column names but no rows: give at least one example")
    return _rows(file, space, {name: _joined(chunks) for name, chunks in columns.items()}, roles, part, batches)


def _rows(
    file: CsvFile | ParquetFile, space: Grown, columns: dict[str, Any], roles: Roles, part: str, batches: list[Any]
) -> Rows:
    where = str(file.path)
    return Rows(
        where=where,
        x=torch.from_numpy(space.rows),
        targets=tuple(columns[name] for name in roles.targets) if set(roles.targets) <= columns.keys() else (),
        keys=_keys(columns.get(roles.id or ""), roles.id, where, part),
        checked=_checked(columns.get(roles.checked or ""), roles.checked, where) if part == "train" else None,
        table=require("pyarrow", "cli").Table.from_batches(batches) if part == "new" else None,
    )


def _joined(chunks: list[Any]) -> Any:
    return require("pyarrow", "cli").chunked_array(chunks).combine_chunks()


def _checked(column: Any, name: str | None, where: str) -> BoolArray | None:
    if column is None or name is None:
        return None
    return np.nan_to_num(as_flags(column, name, where)) > 0


def _keys(column: Any, name: str | None, where: str, part: str) -> Any:
    if column is None or name is None:
        return None
    keys = as_words(column, MISSING_LABEL)
    if part == "new":
        return keys.fill_null("(no id)")
    check_keys(keys, name, where)
    return keys


def check_keys(keys: Any, name: str, where: str) -> None:
    """Names are there, and are unique.

    Raises:
        BadInput: naming the first row without one, or with one that was there before.
    """
    compute = require("pyarrow.compute", "cli")
    if keys.null_count:
        row = compute.index(compute.is_null(keys), True).as_py()
        raise BadInput(
            f"row {row} of {where} has no {shown(name)}: give every row an id of its own, or name another column"
        )
    counts = compute.value_counts(keys)
    if len(counts) < len(keys):
        twice = counts.field(0)[compute.index(compute.greater(counts.field(1), 1), True).as_py()].as_py()
        first = compute.index(keys, twice).as_py()
        again = first + 1 + compute.index(keys.slice(first + 1), twice).as_py()
        raise BadInput(
            f"the {shown(name)} {shown(twice)} in row {again} of {where} is that of row {first} already: give every row "
            "an id of its own, or name another column"
        )
