"""Parquet files whose types ended in tracebacks, or were read as what they are not."""

import datetime
import decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from reweigh.data.own import Sources, read_own
from reweigh.errors import BadInput

ROWS = 40
DRAW = np.random.default_rng(0)


def write(tmp_path, table):
    pq.write_table(table, tmp_path / "t.parquet")
    return str(tmp_path / "t.parquet")


def whole(cells):
    return pa.table(
        {"v": cells, "z": DRAW.normal(size=ROWS), "label": ["a", "b"] * 20, "ok": [row < 14 for row in range(ROWS)]}
    )


def read(path, **said):
    return read_own(Sources(**{"train": path, "target": "label", "clean_column": "ok"} | said), seed=0)


def first_cells(own):
    plan = next(plan for plan in own.encoding.reader["columns"] if plan["name"] == "v")
    order = torch.cat([part.ids for part in (own.train, own.clean, own.test)]).argsort()
    x = torch.cat([part.x for part in (own.train, own.clean, own.test)])[order]
    if plan["kind"] == "category":
        return plan["kind"], [plan["values"][int(code) - 1] for code in x[:2, -1]]
    place = [p["name"] for p in own.encoding.reader["columns"]].index("v")
    return plan["kind"], (x[:2, place].double() * plan["deviation"] + plan["mean"]).tolist()


TYPES = {
    "times": (pa.array([datetime.time(row % 24, 30) for row in range(ROWS)], pa.time32("s")), "date", [0.5 / 24, 1.5 / 24]),
    "long times": (pa.array([datetime.time(row % 24) for row in range(ROWS)], pa.time64("ns")), "date", [0, 1 / 24]),
    "durations": (
        pa.array([datetime.timedelta(hours=6 * row) for row in range(ROWS)], pa.duration("us")), "date", [0, 0.25]
    ),
    "seconds": (pa.array([datetime.timedelta(0, row) for row in range(ROWS)], pa.duration("s")), "date", [0, 1 / 86400]),
    "categories that are numbers": (pa.array([10, 20] * 20).dictionary_encode(), "category", ["10", "20"]),
    "categories that are floats": (pa.array([0.5, 1.5] * 20).dictionary_encode(), "category", ["0.5", "1.5"]),
    "categories that are days": (
        pa.array([datetime.date(1970, 1, 2), datetime.date(1970, 1, 5)] * 20).dictionary_encode(), "date", [1, 4]
    ),
    "decimals": (
        pa.array([decimal.Decimal(row * row) / 4 for row in range(ROWS)], pa.decimal128(9, 2)), "number", [0, 0.25]
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", TYPES)
def test_types_as_features(tmp_path, kind):
    cells, meant, first = TYPES[kind]
    found, values = first_cells(read(write(tmp_path, whole(cells))))
    assert found == meant
    assert values == (first if meant == "category" else pytest.approx(first, abs=2e-4))


@pytest.mark.parametrize("task", [None, "regression"])
@pytest.mark.parametrize(
    "cells",
    [
        pa.array([datetime.time(row % 24) for row in range(ROWS)], pa.time64("us")),
        pa.array([datetime.timedelta(row) for row in range(ROWS)], pa.duration("ns")),
        pa.array([datetime.date(2020, 1, 1 + row % 28) for row in range(ROWS)]),
        pa.array(
            [datetime.datetime(2020, 1, 1 + row % 28) for row in range(ROWS)], pa.timestamp("ns", "Europe/Berlin")
        ),
    ],
    ids=["times", "durations", "dates", "instants"],
)
def test_times_as_a_target_are_refused_in_a_sentence(tmp_path, cells, task):
    with pytest.raises(BadInput):
        read(write(tmp_path, whole(cells)), target="v", task=task)


def test_days_that_come_back_are_classes(tmp_path):
    days = pa.array([datetime.date(2020, 1, 1), datetime.date(2020, 1, 2)] * 20)
    assert read(write(tmp_path, whole(days)), target="v").encoding.classes == ("2020-01-01", "2020-01-02")


def test_decimals_as_classes_keep_all_their_digits(tmp_path):
    long = [decimal.Decimal(10**25), decimal.Decimal(10**25 + 1)] * 20
    own = read(write(tmp_path, whole(pa.array(long, pa.decimal128(38, 0)))), target="v")
    assert own.encoding.classes == (str(10**25), str(10**25 + 1))


@pytest.mark.parametrize("part", ["id_column", "clean_column"])
@pytest.mark.parametrize("cells", [pa.array([[1]] * ROWS), pa.array([{"a": 1}] * ROWS)], ids=["lists", "structures"])
def test_lists_as_names_or_marks_are_refused_in_a_sentence(tmp_path, cells, part):
    with pytest.raises(BadInput, match=r"column 'v' .* holds lists or bytes"):
        read(write(tmp_path, whole(cells)), **{part: "v"})


def test_categories_of_pandas(tmp_path):
    frame = whole(pa.array(["lo", "hi"] * 20)).to_pandas()
    frame["v"], frame["w"] = frame["v"].astype("category"), pd.Categorical([3, 1, 2, 1] * 10, ordered=True)
    frame.to_parquet(tmp_path / "t.parquet")
    plans = {plan["name"]: plan for plan in read(str(tmp_path / "t.parquet")).encoding.reader["columns"]}
    assert (plans["v"]["values"], plans["w"]["values"]) == (["hi", "lo"], ["1", "2", "3"])


def test_categories_of_polars(tmp_path):
    frame = pl.from_arrow(whole(pa.array(["lo", "hi"] * 20)))
    frame = frame.with_columns(pl.col("v").cast(pl.Enum(["lo", "hi"])), w=pl.col("label").cast(pl.Categorical))
    frame.write_parquet(tmp_path / "t.parquet")
    plans = {plan["name"]: plan for plan in read(str(tmp_path / "t.parquet")).encoding.reader["columns"]}
    assert (plans["v"]["values"], plans["w"]["values"]) == (["hi", "lo"], ["a", "b"])


def test_a_file_that_claims_more_rows_than_its_bytes_can_hold(tmp_path):
    cells = pa.repeat(pa.scalar(0, pa.int8()), 20_000_000)
    pq.write_table(pa.table({"label": cells}), tmp_path / "t.parquet", row_group_size=len(cells))
    with pytest.raises(BadInput, match="claims 20,000,000 rows in a few bytes"):
        read(str(tmp_path / "t.parquet"))
