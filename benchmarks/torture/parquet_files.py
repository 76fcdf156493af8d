"""Parquet files of many types and writers, each with a known meaning; some cut short or foreign."""

import datetime
import decimal
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.torture.truth import Case, Column, table_wrong, tally
from reweigh.data.own import Sources

DAMAGES = [
    "cut",
    "no end",
    "foreign",
    "empty",
    "bytes as target",
    "lists as target",
    "infinite",
    "names twice",
    "lists as id",
]
POLARS = {pa.string(), pa.large_string(), pa.float64(), pa.float32(), pa.int8(), pa.int64(), pa.uint64(), pa.bool_(),
          pa.date32(), pa.timestamp("us"), pa.duration("us"), pa.dictionary(pa.int32(), pa.string())}  # fmt: skip
START = datetime.datetime(1970, 1, 1)


def run(seed: int, count: int) -> dict[str, Any]:
    """Read `count` generated Parquet files; totals."""
    return tally(_made, table_wrong, seed, count)


def _made(draw: random.Random, folder: Path) -> Case:
    rows = draw.randint(30, 80)
    made = [draw.choice(list(KINDS.values()))(draw, f"c{place}", rows) for place in range(draw.randint(2, 6))]
    steady = [draw.gauss(0, 3) for _ in range(rows)]
    columns = [*(column for column, _ in made), Column("z", "number", steady, steady)]
    labels = [("no", "yes")[row % 2] for row in range(rows)]
    stored = {column.name: array for column, array in made}
    stored |= {"z": pa.array(steady), "label": _labels(draw, labels), "ok": pa.array([row < 20 for row in range(rows)])}
    damage = draw.choice(DAMAGES) if draw.random() < 0.2 else ""
    said: dict[str, Any] = {"target": "label", "clean_column": "ok"}
    if damage == "infinite":
        stored["z"] = pa.array([*steady[:-1], float("inf")])
    if damage.endswith(("as target", "as id")):
        odd = pa.array([[1]] * rows) if damage.startswith("lists") else pa.array([b"x"] * rows)
        stored["odd"] = odd
        said["target" if damage.endswith("target") else "id_column"] = "odd"
    path = folder / "train.parquet"
    table = pa.table(stored)
    _write(
        draw, table.rename_columns(["z", *table.column_names[1:]]) if damage == "names twice" else table, path, damage
    )
    _spoil(draw, path, damage)
    return Case(Sources(train=str(path), **said), columns, labels, damage, ", ".join(str(a.type) for _, a in made))


def _labels(draw: random.Random, labels: list[str]) -> Any:
    array = pa.array(labels)
    return draw.choice([array, array.dictionary_encode(), array.cast(pa.large_string()), array.cast(pa.string_view())])


def _write(draw: random.Random, table: Any, path: Path, damage: str) -> None:
    writer = "arrow" if damage else draw.choice(["arrow", "arrow", "pandas", "polars"])
    kinds = " ".join(map(str, table.schema.types))
    if writer == "pandas" and not any(kind in kinds for kind in ("view", "decimal256", "halffloat", "null")):
        table.to_pandas().to_parquet(path)
        return
    if writer == "polars" and set(table.schema.types) <= POLARS:
        pl.from_arrow(table).write_parquet(path)
        return
    pq.write_table(table, path, row_group_size=draw.choice([7, 1000]), use_dictionary=draw.choice([True, False]),
                   compression=draw.choice(["snappy", "zstd", "none"]))  # fmt: skip


def _spoil(draw: random.Random, path: Path, damage: str) -> None:
    whole = path.read_bytes()
    if damage == "cut":
        path.write_bytes(whole[: draw.randrange(1, len(whole) - 1)])
    if damage == "no end":
        path.write_bytes(whole[:-4] + b"....")
    if damage == "foreign":
        path.write_bytes(b"size,label\n1,a\n" * 20)
    if damage == "empty":
        path.write_bytes(b"")


def _gaps(draw: random.Random, truth: list[Any]) -> list[Any]:
    share = draw.choice([0, 0, 0.2])
    return [None if draw.random() < share else meant for meant in truth]


def _numbers(kind: Any, make: Callable[[random.Random], Any]) -> Callable[..., tuple[Column, Any]]:
    def made(draw: random.Random, name: str, rows: int) -> tuple[Column, Any]:
        cells = _gaps(draw, [make(draw) for _ in range(rows)])
        truth = [None if cell is None else float(cell) for cell in cells]
        return Column(name, "number", truth, cells, only_said=False), pa.array(cells, kind)

    return made


def _times(
    kind: Any, days: Callable[[Any], float], make: Callable[[random.Random], Any]
) -> Callable[..., tuple[Column, Any]]:
    def made(draw: random.Random, name: str, rows: int) -> tuple[Column, Any]:
        cells = _gaps(draw, [make(draw) for _ in range(rows)])
        return Column(name, "date", [None if c is None else days(c) for c in cells], cells), pa.array(cells, kind)

    return made


def _words(change: Callable[[Any], Any]) -> Callable[..., tuple[Column, Any]]:
    def made(draw: random.Random, name: str, rows: int) -> tuple[Column, Any]:
        cells = _gaps(draw, [draw.choice(["red", "green", "bl\0ue", "=1+1", "日本"]) for _ in range(rows)])
        return Column(name, "category", cells, cells), change(pa.array(cells, pa.string()))

    return made


def _categories_of_numbers(draw: random.Random, name: str, rows: int) -> tuple[Column, Any]:
    cells = [draw.choice([10, 20, 35]) for _ in range(rows)]
    return Column(name, "category", [str(cell) for cell in cells], cells), pa.array(cells).dictionary_encode()


def _truths(draw: random.Random, name: str, rows: int) -> tuple[Column, Any]:
    cells = _gaps(draw, [draw.random() < 0.5 for _ in range(rows)])
    return Column(name, "category", [None if c is None else str(c).lower() for c in cells], cells), pa.array(
        cells, pa.bool_()
    )


def _unusable(kind: Any, cell: Any) -> Callable[..., tuple[Column, Any]]:
    def made(draw: random.Random, name: str, rows: int) -> tuple[Column, Any]:
        cells = [cell] * rows
        return Column(name, "none", cells, cells, only_said=True), pa.array(cells, kind)

    return made


def _day(draw: random.Random) -> datetime.datetime:
    return START + datetime.timedelta(seconds=draw.randint(-(10**9), 2 * 10**9))


def _since(cell: datetime.datetime) -> float:
    return (cell.replace(tzinfo=None) - START) / datetime.timedelta(days=1)


def _of_day(cell: datetime.time) -> float:
    return (cell.hour * 3600 + cell.minute * 60 + cell.second) / 86_400


KINDS: dict[str, Callable[..., tuple[Column, Any]]] = {
    "float16": _numbers(pa.float16(), lambda draw: np.float16(draw.gauss(0, 9))),
    "float32": _numbers(pa.float32(), lambda draw: draw.gauss(0, 9)),
    "float64": _numbers(pa.float64(), lambda draw: draw.gauss(0, 1e9)),
    "int8": _numbers(pa.int8(), lambda draw: draw.randint(-128, 127)),
    "int64": _numbers(pa.int64(), lambda draw: draw.randint(-(2**50), 2**50)),
    "uint64": _numbers(pa.uint64(), lambda draw: draw.randint(0, 2**50)),
    "decimal": _numbers(pa.decimal128(12, 3), lambda draw: decimal.Decimal(draw.randint(-(10**8), 10**8)).scaleb(-3)),
    "wide decimal": _numbers(pa.decimal256(50, 3), lambda draw: decimal.Decimal(draw.randint(0, 10**9)).scaleb(-3)),
    "date": _times(pa.date32(), lambda cell: (cell - START.date()).days, lambda draw: _day(draw).date()),
    "date64": _times(pa.date64(), lambda cell: (cell - START.date()).days, lambda draw: _day(draw).date()),
    "instant": _times(pa.timestamp("us"), _since, _day),
    "nanoseconds": _times(pa.timestamp("ns"), _since, _day),
    "zone": _times(pa.timestamp("ms", "Europe/Berlin"), _since, lambda draw: _day(draw).replace(tzinfo=datetime.UTC)),
    "time": _times(pa.time32("s"), _of_day, lambda draw: _day(draw).time()),
    "time64": _times(pa.time64("us"), _of_day, lambda draw: _day(draw).time()),
    "duration": _times(pa.duration("us"), lambda cell: cell / datetime.timedelta(days=1),
                       lambda draw: datetime.timedelta(seconds=draw.randint(-9999, 999_999))),
    "words": _words(lambda array: array),
    "long words": _words(lambda array: array.cast(pa.large_string())),
    "views": _words(lambda array: array.cast(pa.string_view())),
    "categories": _words(lambda array: array.dictionary_encode()),
    "numbers as categories": _categories_of_numbers,
    "truth": _truths,
    "nothing": _unusable(pa.null(), None),
    "no value": _unusable(pa.float64(), float("nan")),
    "lists": _unusable(pa.list_(pa.int64()), [1]),
    "structures": _unusable(pa.struct([("a", pa.int64())]), {"a": 1}),
    "bytes": _unusable(pa.binary(), b"\xff"),
    "always the same": _unusable(pa.int64(), 5),
}  # fmt: skip
