"""Rows and pictures of own data found again by their ids, those of the checked file as well."""

import csv
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from reweigh.audit.as_read import cells_by_id, files_by_id, rows_as_read
from reweigh.data.own import Sources


def audit_of(**said):
    """As much of an audit as says where its data lie."""
    return SimpleNamespace(run=SimpleNamespace(config=SimpleNamespace(data=Sources(**said))))


@pytest.fixture
def tables(tmp_path):
    """40 rows in CSV, 8 checked ones in Parquet."""
    with (tmp_path / "train.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["a", "y"], *([f"t{k}", "no"] for k in range(40))])
    pd.DataFrame({"a": [f"c{k}" for k in range(8)], "y": "no"}).to_parquet(tmp_path / "clean.parquet")
    return {"train": str(tmp_path / "train.csv"), "clean": str(tmp_path / "clean.parquet"), "target": "y"}


def test_ids_count_through_the_training_file_and_then_the_checked_one(tables):
    found = cells_by_id(audit_of(**tables), [47, 0, 39, 40, 0])
    assert {i: cells["a"] for i, cells in found.items()} == {0: "t0", 39: "t39", 40: "c0", 47: "c7"}
    assert found[40] == {"a": "c0", "y": "no"}


def test_no_more_is_read_than_is_asked_for(tables):
    Path(tables["clean"]).unlink()
    assert cells_by_id(audit_of(**tables), [3])[3]["a"] == "t3"
    assert cells_by_id(audit_of(**tables), []) == {}


def test_checked_rows_of_the_training_file_have_its_ids(tables):
    said = tables | {"clean": None, "clean_column": "y"}
    assert cells_by_id(audit_of(**said), [5])[5]["a"] == "t5"


def test_pictures_in_the_order_of_their_folders(tmp_path):
    for part, count in (("train", 4), ("clean", 2)):
        for k in range(count):
            place = tmp_path / part / "ba"[k % 2]
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.zeros((2, 2), dtype=np.uint8)).save(place / f"{k}.png")
    audit = audit_of(train=str(tmp_path / "train"), clean=str(tmp_path / "clean"))
    found = files_by_id(audit, range(6))
    assert [path.relative_to(tmp_path).as_posix() for path in found.values()] == [
        "train/a/1.png", "train/a/3.png", "train/b/0.png", "train/b/2.png", "clean/a/1.png", "clean/b/0.png",
    ]  # fmt: skip


def test_the_rows_of_an_audit_still_have_their_first_cells(tables):
    audit = audit_of(**tables)
    audit.encoding = SimpleNamespace(kind="table", targets=("y",), reader={})
    audit.examples = SimpleNamespace(ids=torch.tensor([7, 3]))
    assert rows_as_read(audit, [1, 0]) == {1: [("a", "t3")], 0: [("a", "t7")]}
    audit.encoding.kind = "arrays"
    assert rows_as_read(audit, [0]) == {}
