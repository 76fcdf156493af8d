"""Rows of files that write the same otherwise, in one file: each is read there as it was in its own."""

import csv
import itertools
import json
from datetime import date, datetime, time, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from dirty import csv_bytes, excel_bytes, frame, rows
from reweigh.apply import apply_run
from reweigh.apply.as_read import as_text, respelled
from reweigh.apply.decisions import Decision
from reweigh.apply.edits import Chosen, Edits
from reweigh.apply.table_layout import TableLayout
from reweigh.cli.guard import run
from reweigh.data.own import Sources, read_own
from reweigh.data.own.days import as_days
from reweigh.data.own.numerals import as_numbers
from reweigh.data.own.paths import open_table

HOUR = timedelta(hours=1)


def number(style=".", unit="", mean=5.0, deviation=5.0):
    return {"name": "x", "kind": "number", "decimal": style, "unit": unit, "mean": mean, "deviation": deviation}


@pytest.mark.parametrize(
    ("plan", "cells", "after"),
    [
        (number(","), ["1.5", "2.25", "", "?"], ["1,5", "2,25", "", "?"]),
        (number(), ["1,5", "-2,25", "3"], ["1.5", "-2.25", "3"]),
        (number("1.000,", mean=4e3, deviation=3e3), ["1,234.5", "7"], ["1234,5", "7"]),
        (number(",", "%"), ["1.5 %", "3%"], ["1,5 %", "3%"]),
        (number(), ["TRUE", "false", None], ["1", "0", None]),
        (number(), [" 1.50", "1e3", "2"], [" 1.50", "1e3", "2"]),
        ({"name": "x", "kind": "category", "values": ["1,5"]}, ["1.5", "1,5"], ["1.5", "1,5"]),
    ],
)
def test_numbers_written_otherwise(plan, cells, after):
    found = respelled(pa.array(cells, pa.string()), plan)
    assert found.to_pylist() == after


@pytest.mark.parametrize("style", [".", "1,000", ",", "1.000,", "1 000,", "1'000."])
def test_every_digit_of_a_number_is_kept(style):
    values = np.random.default_rng(0).normal(size=50) * 10.0 ** np.arange(-25, 25)
    told = as_text(pa.array([*values.tolist(), None]), number(style, "kg"))
    found = as_numbers(told, style, "kg")
    assert found.values[:-1].tolist() == values.tolist()
    assert np.isnan(found.values[-1])
    assert not found.strays.any()


@pytest.mark.parametrize(
    ("cell", "layout", "told"),
    [
        (datetime(2024, 3, 5, 13, 5), "%m/%d/%Y %I:%M %p", "03/05/2024 01:05 PM"),
        (datetime(2024, 3, 5, 13, 5, 7), "%d.%m.%Y %H:%M:%S", "05.03.2024 13:05:07"),
        (date(2024, 3, 5), "%d.%m.%Y", "05.03.2024"),
        (datetime(2024, 3, 5, 13), "iso", "2024-03-05 13:00:00.000000"),
        (datetime(2024, 3, 5, 13), "iso zone", "2024-03-05 13:00:00.000000Z"),
        (time(13, 5), "time", "13:05:00.000000"),
        (30 * HOUR, "time", "30:00:00.000000"),
        (-HOUR / 2, "time", "-0:30:00.000000"),
        (30 * HOUR + timedelta(seconds=1.5), "duration", "PT30H0M1.500000S"),
        (-HOUR, "duration", "-PT1H0M0.000000S"),
    ],
)
def test_times_with_a_type_are_told_in_the_layout_of_the_training_file(cell, layout, told):
    typed = pa.array([cell, None])
    found = as_text(typed, {"name": "x", "kind": "date", "layout": layout})
    assert found.to_pylist() == [told, None]
    assert as_days(found, layout).values[0] == pytest.approx(as_days(typed, layout).values[0], abs=1e-9)


def together(tmp_path, one, other):
    """The column x of two files in one."""
    parts = []
    for name, column in (("one", one), ("other", other)):
        path = tmp_path / f"{name}.parquet"
        pq.write_table(pa.table({"x": column, "label": ["a"] * len(column)}), path)
        parts.append(Chosen(str(path), np.arange(len(column)), Edits.only(len(column), {}, ("label",))))
    return open_table(TableLayout().together(parts, tmp_path, "checked")).table().column("x")


@pytest.mark.parametrize(
    ("one", "other", "kind"),
    [
        (pa.array([["a"], []]), pa.array([[], []], pa.list_(pa.null())), pa.list_(pa.string())),
        (pa.array([{"a": 1}]), pa.array([{"a": 1.5, "b": 2}]), pa.struct([("a", pa.int64())])),
        (pa.array([[1]]), pa.array(["text"]), pa.list_(pa.int64())),
        (pa.array(["text"]), pa.array([[1]]), pa.string()),
        (pa.array([b"\xff"]), pa.array(["text"]), pa.binary()),
    ],
)
def test_what_no_cell_can_hold_is_missing_where_files_differ(tmp_path, one, other, kind):
    """Lists, structures and bytes are not learnt from; files that have others in the column go together all the same."""
    found = together(tmp_path, one, other)
    assert found.type.equals(kind, check_metadata=False) or str(found.type) == str(kind)
    assert found.to_pylist() == [*one.to_pylist(), *[None] * len(other)]


def test_durations_of_two_units_are_the_same_durations(tmp_path):
    one, other = pa.array([HOUR], pa.duration("us")), pa.array([HOUR], pa.duration("ns"))
    assert together(tmp_path, one, other).to_pylist() == ["PT1H0M0.000000S"] * 2


WRITERS = {
    "points.csv": lambda made, path: path.write_bytes(csv_bytes(made)),
    "commas.csv": lambda made, path: path.write_bytes(excel_bytes(made)),
    "typed.parquet": lambda made, path: pq.write_table(frame(made), path),
}


@pytest.mark.parametrize(("train", "clean"), list(itertools.permutations(WRITERS, 2)))
def test_checked_rows_are_the_same_numbers_after_as_before(tmp_path, train, clean):
    """A German spreadsheet of what is to be learnt beside checked rows from elsewhere, and the other way round."""
    made, checked = rows(40)[0], rows(24, seed=1, spoil=0)[0]
    for part, name, of in (("t", train, made), ("c", clean, checked)):
        (tmp_path / part).mkdir()
        WRITERS[name](of, tmp_path / part / name)
    said = Sources(train=str(tmp_path / "t" / train), clean=str(tmp_path / "c" / clean), target="label")
    options = ["--target", "label", "--rule", "l2rw", "--steps", "2", "--quick", "--quiet"]
    command = ["train", "--train", said.train, "--clean", str(said.clean), *options]
    assert run([*command, "--output", str(tmp_path / "run")]) == 0
    decision = Decision("row 3", made[3]["label"], "keep", "", "line 2 of d.csv")
    found = apply_run(tmp_path / "run", [decision], tmp_path / "out")
    before = read_own(said, seed=0)
    settings = json.loads((tmp_path / "out" / "settings.json").read_text())["settings"]
    after = read_own(Sources(**{name: settings[name] for name in ("train", "clean", "test", "target")}), seed=0)
    place = before.train.ids.tolist().index(3)
    expected = torch.cat([before.clean.x, before.train.x[place : place + 1]])
    assert found.checked_rows == len(after.clean) == len(expected)
    assert sorted(after.clean.x.tolist()) == sorted(expected.tolist())
    assert sorted(after.test.x.tolist()) == sorted(before.test.x.tolist())
    assert len(after.train) == len(before.train) - 1


def test_a_target_of_numbers_that_are_written_otherwise(tmp_path):
    def save(name, count, sign, first):
        told = [[f"{3 * row + first}", f"{row * 1.25 + first:.2f}".replace(".", sign)] for row in range(count)]
        with (tmp_path / name).open("w", newline="") as file:
            csv.writer(file, delimiter=";").writerows([["a", "price"], *told])

    save("t.csv", 40, ",", 3)
    save("c.csv", 24, ".", 4)
    options = [
        "--target",
        "price",
        "--rule",
        "l2rw",
        "--steps",
        "2",
        "--quick",
        "--quiet",
        "--output",
        str(tmp_path / "run"),
    ]
    assert run(["train", "--train", str(tmp_path / "t.csv"), "--clean", str(tmp_path / "c.csv"), *options]) == 0
    found = apply_run(tmp_path / "run", [Decision("row 3", "6.75", "keep", "", "line 2 of d.csv")], tmp_path / "out")
    with found.checked.open() as file:
        prices = [row["price"] for row in csv.DictReader(file, delimiter=";")]
    assert all("." not in price for price in prices)
    assert prices[-1] == "6,75"
    known = {4 + 1.25 * row for row in range(24)}
    assert {float(price.replace(",", ".")) for price in prices[:-1]} < known
