"""JSON lines: the same examples as of a CSV or Parquet file, and a sentence with the line for what is wrong."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from reweigh.data.own import Sources, json_file, read_own
from reweigh.data.own.json_file import JsonFile
from reweigh.errors import BadInput


def lines(rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.fixture
def rows():
    random = np.random.default_rng(0)
    return [
        {
            "size": round(float(random.normal()), 3),
            "count": int(random.integers(0, 9)),
            "colour": str(random.choice(["red", "green", "blue"])),
            "fresh": bool(random.random() < 0.5),
            "day": f"2024-0{1 + row % 9}-{10 + row % 19}",
            "label": ("no", "yes")[row % 2],
            "ok": row < 12,
        }
        for row in range(60)
    ]


def read(path):
    return read_own(Sources(train=path, target="label", clean_column="ok"), seed=0)


def table_of(desk, text, name="t.jsonl"):
    return JsonFile(desk.folder / name if desk.write(name, text) else None).table()


def test_it_is_what_the_same_parquet_and_csv_files_are(desk, rows):
    one = read(desk.write("t.jsonl", lines(rows)))
    pq.write_table(pa.Table.from_pylist(rows), desk.path("t.parquet"))
    header = ",".join(rows[0])
    body = "\n".join(",".join(str(value) for value in row.values()) for row in rows)
    for other in (read(desk.path("t.parquet")), read(desk.write("t.csv", f"{header}\n{body}\n"))):
        assert torch.equal(one.train.x, other.train.x)
        assert torch.equal(one.train.y, other.train.y)
        assert one.encoding.model_options == other.encoding.model_options
        assert one.encoding.classes == other.encoding.classes


@pytest.mark.parametrize("ending", ["jsonl", "ndjson", "jsonl.gz"])
def test_marks_blank_lines_and_other_ends_of_lines_change_nothing(desk, rows, ending):
    import gzip

    plain = read(desk.write("plain.jsonl", lines(rows)))
    text = "\ufeff\r\n" + lines(rows).replace("\n", "\r\n\r\n  \r\n").rstrip()
    content = text.encode()
    other = read(desk.write(f"odd.{ending}", gzip.compress(content) if ending.endswith("gz") else content))
    assert torch.equal(plain.train.x, other.train.x)
    wide = read(desk.write("wide.jsonl", lines(rows).encode("utf-16")))
    assert torch.equal(plain.train.x, wide.train.x)


@pytest.mark.parametrize("block", [1, 7, 100, 8 << 20])
def test_blocks_of_any_size_are_one_table(desk, monkeypatch, block):
    monkeypatch.setattr(json_file, "BLOCK", block)
    found = table_of(desk, '{"a": 1}\n{"b": "x"}\n\n{"a": 2.5, "c": null}\n{"b": "é", "d": true}')
    assert found.schema.types == [pa.float64(), pa.string(), pa.string(), pa.bool_()]
    assert found.to_pydict() == {
        "a": [1, None, 2.5, None], "b": [None, "x", None, "é"], "c": [None] * 4, "d": [None, None, None, True]
    }  # fmt: skip


@pytest.mark.parametrize("block", [20, 8 << 20])
@pytest.mark.parametrize(
    ("cells", "kind", "found"),
    [
        ("1 | 2 | null", pa.int64(), [1, 2, None]),
        ("1 | 2.5", pa.float64(), [1.0, 2.5]),
        ('1 | "unknown" | 1.50', pa.string(), ["1", "unknown", "1.50"]),
        ('true | "maybe" | 3', pa.string(), ["true", "maybe", "3"]),
        ('"2024-01-02" | "2024-01-02 10:00"', pa.string(), ["2024-01-02", "2024-01-02 10:00"]),
        ("12345678901234567890 | 1", pa.string(), ["12345678901234567890", "1"]),
        ("9007199254740993 | 9007199254740995", pa.int64(), [9007199254740993, 9007199254740995]),
        ("9007199254740993 | 0.5", pa.string(), ["9007199254740993", "0.5"]),
        ("NaN | 1.5", pa.float64(), None),
        ("null | null", pa.string(), [None, None]),
        ('{"x": 1} | null | [1]', pa.binary(), [b"", None, b""]),
        ("[1] | null", pa.binary(), [b"", None]),
        ('[1] | 5 | "x"', pa.binary(), [b"", b"", b""]),
    ],
)
def test_values_are_read_for_what_they_are(desk, monkeypatch, block, cells, kind, found):
    monkeypatch.setattr(json_file, "BLOCK", block)
    column = table_of(desk, "".join(f'{{"a": {cell}}}\n' for cell in cells.split(" | ")))["a"]
    assert column.type == kind
    assert found is None or column.to_pylist() == found
    assert found is not None or np.isnan(column[0].as_py())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1}\n\n{"a": 2\n{"a": 3}\n', "line 3 of .*t.jsonl is no JSON"),
        ('{"a": 1}\r\n{"a": 1, "b": 2, "a": 3}\r\n', "line 2 of .* has the key 'a' twice: leave one out"),
        ('{"a": 1}\n[1, 2]\n', "line 2 of .* is no object"),
        ('{"a": 1}\n5\n', "line 2 of .* is no object"),
        ('[{"a": 1},\n{"a": 2}]\n', "line 1 of .* is no JSON"),
        ('{"a": 1} {"b": 2} x\n', "line 1 of .* is no JSON"),
        ('{"a": "\\ud800"}\n', "half a character"),
        ('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}\n", "line 1 of .* nests objects too deep"),
        ("{}\n{}\n", "no object with a key"),
        ("", "no object with a key"),
        (b'{"a": "\xff"}\n', "is not UTF-8 throughout"),
        ('{"a": 1, "a ": 2}\n', "two columns named 'a'"),
    ],
)
def test_what_is_wrong_is_named_by_its_line(desk, text, said):
    with pytest.raises(BadInput, match=said):
        table_of(desk, text)


def test_a_line_without_end_is_a_sentence(desk, monkeypatch):
    monkeypatch.setattr(json_file, "LONGEST", 1000)
    monkeypatch.setattr(json_file, "BLOCK", 100)
    with pytest.raises(BadInput, match=r"line 2 of .* is longer than"):
        table_of(desk, '{"a": 1}\n{"a": "' + "x" * 2000 + '"}\n')


def test_kinds_that_differ_are_said_and_objects_are_left_out(desk, rows):
    for row in rows:
        row["meta"] = {"by": "me"}
        row["age"] = row["count"] if row["count"] else "unknown"
    own = read(desk.write("t.jsonl", lines(rows)))
    assert any("column 'age' of" in note and "values of several types" in note for note in own.notes)
    assert any("'meta' is not learned from: it holds lists, structures or bytes" in note for note in own.notes)
    plans = {plan["name"]: plan["kind"] for plan in own.encoding.reader["columns"]}
    assert plans["age"] == "number"
    assert "meta" not in plans


def test_an_object_as_target_is_refused(desk, rows):
    for row in rows:
        row["label"] = {"is": row["label"]}
    with pytest.raises(BadInput, match=r"the target 'label' of .* holds lists or bytes"):
        read(desk.write("t.jsonl", lines(rows)))
