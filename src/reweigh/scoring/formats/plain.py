"""Rows as they are with a column more: file by file in their own form, or all in one file of JSON lines or Parquet."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from reweigh.arrow import pa, parquet
from reweigh.errors import BadInput
from reweigh.scoring.files import Row, in_windows
from reweigh.scoring.files.json_lines import taken
from reweigh.scoring.formats.rows import Rows, Weighed, in_lines
from reweigh.storage import make_folder

_STEP = "train with a loss that uses the column, whose mean is one"


class Own:
    """Each file as it is, with a column more."""

    name = "own"

    def write(self, rows: Rows, folder: Path) -> list[str]:
        """Under their own names."""
        start = 0
        for shard in rows.shards:
            make_folder((folder / shard.name).parent)
            shard.kind.weigh(shard.path, folder / shard.name, rows.weights[start : start + shard.rows], rows.name)
            start += shard.rows
        return [shard.name for shard in rows.shards]

    def step(self, folder: Path) -> str:
        """What they are for."""
        return _STEP


class Lines:
    """One file of JSON lines."""

    name = "jsonl"

    def write(self, rows: Rows, folder: Path) -> list[str]:
        """Objects with one key more."""
        return in_lines(rows, folder, lambda one: _with_weight(rows, one))

    def step(self, folder: Path) -> str:
        """What it is for."""
        return _STEP


class OneParquet:
    """One file of Parquet."""

    name = "parquet"

    def write(self, rows: Rows, folder: Path) -> list[str]:
        """The types are those of all rows together, found in a first pass.

        Raises:
            BadInput: if rows have values of kinds that no type holds.
        """
        path = folder / "weighed.parquet"
        try:
            schemas = dict.fromkeys(_schema(window) for window in _windows(rows))
            schema = pa.unify_schemas(list(schemas), promote_options="permissive")
            with parquet.ParquetWriter(path, schema) as writer:
                for window in _windows(rows):
                    writer.write_table(pa.Table.from_pylist(window, schema=schema))
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as refused:
            raise BadInput(
                f"the rows hold values of kinds that no column of Parquet holds together ({refused}): write --format jsonl"
            ) from refused
        return [path.name]

    def step(self, folder: Path) -> str:
        """What it is for."""
        return _STEP


def _with_weight(rows: Rows, one: Weighed) -> dict[str, Any]:
    if rows.name in one.row:
        raise taken(Path(one.where.partition(" of ")[2]), rows.name)
    return {**one.row, rows.name: one.weight}


def _windows(rows: Rows) -> Iterator[list[Row]]:
    return in_windows(_with_weight(rows, one) for one in rows)


def _schema(window: list[Row]) -> Any:
    """With the keys of all of its rows: Arrow goes by the first one's."""
    names = dict.fromkeys(chain.from_iterable(window))
    return pa.Table.from_pylist([{name: row.get(name) for name in names} for row in window]).schema
