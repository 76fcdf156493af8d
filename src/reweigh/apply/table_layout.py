"""Tables and texts: CSV, Parquet and JSON lines."""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from reweigh.apply.as_read import as_text, respelled
from reweigh.apply.csv_copy import copy_csv
from reweigh.apply.edits import Chosen, Edits
from reweigh.apply.json_copy import copy_json
from reweigh.apply.parquet_copy import copy_parquet, edited
from reweigh.arrow import kinds, pa, parquet
from reweigh.data.own.csv_file import CsvFile
from reweigh.data.own.decided import Plan
from reweigh.data.own.json_file import JsonFile
from reweigh.data.own.parquet_file import ParquetFile, parts_at
from reweigh.data.own.paths import OwnTable, existing, open_table
from reweigh.data.own.values import is_usable
from reweigh.storage import make_folder

_COPIES: Mapping[type, Callable[..., None]] = {CsvFile: copy_csv, JsonFile: copy_json, ParquetFile: copy_parquet}


class TableLayout:
    """Writes tables; several together are of the kind of the first."""

    keeps_order = True

    def __init__(self, plans: Sequence[Plan] = ()) -> None:
        """`plans` say how the run read columns, inputs and targets."""
        self._plans = {plan["name"]: plan for plan in plans}

    def copy(self, source: str, folder: Path, edits: Edits) -> Path:
        """The table at `source` below `folder`: a file under its name, parts in a folder under theirs."""
        file, place = open_table(source), existing(source)
        if parts_at(place):
            target = folder / (place.parent.name if "*" in place.name else place.resolve().name)
            make_folder(target)
        else:
            target = folder / place.name
        _COPIES[type(file)](file, target, edits)
        return target

    def together(self, parts: Sequence[Chosen], folder: Path, name: str) -> Path:
        """Rows of several tables, with the columns of the first; what another lacks is empty there."""
        files = [open_table(part.path) for part in parts]
        plans = self._plans if len(parts) > 1 else {}
        found = [_chosen(file, part, plans) for file, part in zip(files, parts, strict=True)]
        table = _joined([table for table in found if len(table)] or found[:1], files[0].names, plans)
        return _written(table, files[0], folder, name)

    def targets(self, source: str, names: Sequence[str]) -> list[Any]:
        """The target columns of the table, as Arrow columns of plain types."""
        return list(open_table(source).columns(list(names)))


def _chosen(file: OwnTable, part: Chosen, plans: Mapping[str, Plan]) -> Any:
    """The rows of one file, with what is new in them."""
    table = file.table()
    for place, name in enumerate(table.column_names):
        if name in plans:
            table = table.set_column(place, name, respelled(table.column(place), plans[name]))
    table = table.take(part.rows)
    cells = {place: part.edits.cells[row] for place, row in enumerate(part.rows.tolist()) if row in part.edits.cells}
    return edited(table, Edits.only(len(table), cells, part.edits.targets))


def _joined(tables: Sequence[Any], names: Sequence[str], plans: Mapping[str, Plan]) -> Any:
    """One table of these columns; of a column whose types differ between files, as text."""
    columns: dict[str, Any] = {}
    for name in names:
        found = [table.column(name) if name in table.column_names else None for table in tables]
        there = [column for column in found if column is not None]
        kind = there[0].type if there else pa.null()
        if any(column.type != kind for column in there):
            kind = pa.string() if is_usable(there[0]) else kind
        parts = [
            pa.nulls(len(table), kind) if column is None else _of_type(column, kind, plans.get(name))
            for column, table in zip(found, tables, strict=True)
        ]
        chunks = [chunk for part in parts for chunk in getattr(part, "chunks", [part])]
        columns[name] = pa.chunked_array(chunks, kind)
    return pa.table(columns)


def _of_type(column: Any, kind: Any, plan: Plan | None) -> Any:
    """The column as text where that is wanted; else the lists or structures that it has, none where it has others."""
    if column.type == kind:
        return column
    return as_text(column, plan) if kinds.is_string(kind) else pa.nulls(len(column), kind)


def _written(table: Any, like: OwnTable, folder: Path, name: str) -> Path:
    """The table as a file of the kind of another."""
    if isinstance(like, ParquetFile):
        target = folder / f"{name}.parquet"
        parquet.write_table(table.unify_dictionaries(), str(target))
        return target
    if isinstance(like, JsonFile):
        target = folder / f"{name}.jsonl"
        plain = [field.name for field in table.schema if not kinds.is_binary(field.type)]  # others were nested
        rows = table.select(plain).to_pylist()
        lines = [json.dumps({k: v for k, v in row.items() if v is not None}, ensure_ascii=False) for row in rows]
        target.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return target
    target, dialect = folder / f"{name}.csv", like.dialect
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=dialect.delimiter if dialect.quoted else ",")
    writer.writerow(table.column_names)
    columns = [column.to_pylist() for column in table.columns]
    writer.writerows(["" if cell is None else cell for cell in row] for row in zip(*columns, strict=True))
    target.write_bytes(like.text.mark[:3] * (like.text.encoding == "utf-8") + buffer.getvalue().encode())
    return target
