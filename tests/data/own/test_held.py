"""What is too large for memory is read from the disk, and nothing in what comes out of it differs."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq
import pytest
import torch

from reweigh.data.own import Sources, csv_file, held, json_file, read_own
from reweigh.data.own.held import Held
from reweigh.data.scratch import IN_MEMORY
from reweigh.data.stored import Stored

RANDOM = np.random.default_rng(3)
ROWS = 3000


@pytest.fixture
def files(desk):
    """One table in three formats, with gaps, strange words, other ways of writing, and examples that are there twice."""
    number = RANDOM.normal(50, 10, ROWS).round(3)
    number[-5:] = number[:5]
    table = pa.table(
        {
            "number": pa.array(number, mask=RANDOM.random(ROWS) < 0.1),
            "german": [f"{value:.1f}".replace(".", ",") for value in number],
            "whole": RANDOM.integers(0, 100, ROWS),
            "some": [("unknown" if row % 50 == 3 else str(row % 7)) for row in range(ROWS)],
            "word": pa.array(RANDOM.choice(["red", "green", "blue"], ROWS), mask=RANDOM.random(ROWS) < 0.1),
            "many": [f"word {row % 1500}" for row in range(ROWS)],
            "truth": RANDOM.random(ROWS) < 0.5,
            "day": [f"{1 + row % 28:02d}.0{1 + row % 9}.2021" for row in range(ROWS)],
            "constant": ["x"] * ROWS,
            "text": [f"the {RANDOM.choice(['red', 'green'])} one and number {row % 90}" for row in range(ROWS)],
            "note": [f"{row} " + "long " * 80 for row in range(ROWS)],
            "essay": [f"{row % 2000} " + "long " * 80 for row in range(ROWS)],
            "motto": [f"{row % 7} " + "long " * 80 for row in range(ROWS)],
            "name": [f"person {row}" for row in range(ROWS)],
            "label": pa.array(RANDOM.choice(["<=50K", ">50K"], ROWS), mask=np.arange(ROWS) == 701),
            "ok": np.arange(ROWS) % 10 == 0,
        }
    )
    arrow_csv.write_csv(table, desk.path("t.csv"))
    pq.write_table(table, desk.path("t.parquet"))
    desk.write("t.jsonl", "".join(json.dumps(row) + "\n" for row in table.to_pylist()))
    return desk


def read(path, **said):
    return read_own(Sources(**{"train": path, "target": "label", "clean_column": "ok"} | said), seed=0)


@pytest.mark.parametrize(
    "said", [{}, {"id_column": "name"}, {"text": "text"}, {"target": "whole", "task": "regression", "drop": ("label",)}]
)
@pytest.mark.parametrize("file", ["t.csv", "t.jsonl", "t.parquet"])
def test_encodings_and_examples_are_the_same(files, monkeypatch, file, said):
    monkeypatch.setattr(csv_file, "BLOCK", 1 << 15)
    monkeypatch.setattr(json_file, "BLOCK", 1 << 15)
    memory = read(files.path(file), **said)
    monkeypatch.setenv(IN_MEMORY, "1000")
    disk = read(files.path(file), **said)
    assert isinstance(disk.train.x, Stored)
    assert not isinstance(memory.train.x, Stored)
    assert disk.encoding == memory.encoding
    assert disk.notes == memory.notes
    assert disk.told == memory.told
    assert list(disk.names) == list(memory.names)
    for one, other in zip((disk.train, disk.clean, disk.test), (memory.train, memory.clean, memory.test), strict=True):
        assert torch.equal(one.x[:], other.x)
        assert torch.equal(one.y, other.y)
        assert torch.equal(one.ids, other.ids)


def test_overlaps_with_other_files_are_found_on_the_disk_too(files, monkeypatch):
    pq.write_table(pq.read_table(files.path("t.parquet")).slice(0, 40), files.path("clean.parquet"))
    said = {"clean": files.path("clean.parquet"), "clean_column": None, "drop": ("ok",)}
    memory = read(files.path("t.parquet"), **said)
    monkeypatch.setenv(IN_MEMORY, "1000")
    disk = read(files.path("t.parquet"), **said)
    assert any("in the clean set as well left out of training" in note for note in memory.notes)
    assert disk.notes == memory.notes
    assert torch.equal(disk.train.ids, memory.train.ids)


def batches(rows=10, size=3):
    whole = pa.table({"a": [f"cell {row}" for row in range(rows)], "b": ["x"] * rows})
    return whole, whole.to_batches(max_chunksize=size)


@pytest.mark.parametrize("most", ["1", "1000000"])
def test_columns_pieces_and_the_whole(monkeypatch, most):
    monkeypatch.setenv(IN_MEMORY, most)
    whole, pieces = batches()
    found = Held(iter(pieces), whole.schema)
    assert found.on_disk == (most == "1")
    assert found.rows == 10
    assert [column.to_pylist() for column in found.columns(["b", "a"])] == [["x"] * 10, whole["a"].to_pylist()]
    assert [cell for piece in found.pieces("a") for cell in piece.to_pylist()] == whole["a"].to_pylist()
    assert found.table().to_pydict() == whole.to_pydict()
    found.keep(["a"])
    assert next(iter(found.columns(["a"]))).to_pylist() == whole["a"].to_pylist()


def test_no_rows_at_all():
    whole, _ = batches()
    found = Held([], whole.schema)
    assert found.rows == 0
    assert found.table().schema == whole.schema


def test_long_texts_beside_what_is_learned_from_are_never_held_whole(files, monkeypatch):
    asked = []
    columns = Held.columns
    monkeypatch.setattr(Held, "columns", lambda self, names: asked.extend(names) or columns(self, names))
    monkeypatch.setenv(IN_MEMORY, "1000")
    own = read(files.path("t.csv"))
    assert not {"note", "essay"} & set(asked)
    assert "motto" in asked
    told = own.told[files.path("t.csv")]["columns"]
    assert told["note"] == {"left_out": "it is different in almost every row, as names and free text are"}
    assert told["essay"] == {"left_out": "it is free text, and --text would learn from it alone"}
    assert "motto" in {plan["name"] for plan in own.encoding.reader["columns"]}


@pytest.mark.parametrize(
    ("size", "rows", "found"), [(10, 5, 5 * (16 << 20) // 10), (0, 0, 0), (1 << 30, 10, 1), (1 << 30, 1 << 20, 16384)]
)
def test_rows_to_read_at_a_time_are_fewer_where_they_are_long(size, rows, found):
    assert held.rows_at_once(size, rows) == max(1, min(65_536, found))
