"""Tables written again: what was not decided on stays to the last byte, or value and type."""

import gzip
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dirty import csv_bytes, excel_bytes, frame, json_lines, rows
from reweigh.apply.edits import Chosen, Edits
from reweigh.apply.json_copy import with_value
from reweigh.apply.table_layout import TableLayout
from reweigh.data.own.paths import open_table
from reweigh.errors import BadInput

MADE = rows(30)[0]


def edits(count=30, dropped=(2, 7, 29), cells=None, targets=("label",)):
    kept = np.ones(count, dtype=bool)
    kept[list(dropped)] = False
    return Edits(kept, {0: ("blue",), 14: ("green; or so",)} if cells is None else cells, targets)


def told(cells):
    """The rows as they should stand in the end."""
    after = [dict(row) for row in MADE]
    for row, (label,) in cells.items():
        after[row]["label"] = label
    return [row for place, row in enumerate(after) if place not in (2, 7, 29)]


@pytest.mark.parametrize("ending", [".csv", ".csv.gz"])
@pytest.mark.parametrize(
    "write",
    [
        excel_bytes,
        csv_bytes,
        lambda made: csv_bytes(made, end="\n"),
        lambda made: csv_bytes(made, ";", before="sep=;\r\n"),
        lambda made: csv_bytes(made, before="# by hand\r\n\r\n"),
        lambda made: csv_bytes(made, ",", encoding="utf-16"),
        lambda made: b"\xfe\xff" + csv_bytes(made, ",", encoding="utf-16-be"),
    ],
)
def test_a_csv_file_is_the_same_to_the_last_byte_but_where_something_was_decided(tmp_path, write, ending):
    source = tmp_path / f"noisy{ending}"
    packed = gzip.compress if ending.endswith("gz") else bytes
    source.write_bytes(packed(write(MADE)))
    (tmp_path / "out").mkdir()
    change = edits()
    found = TableLayout().copy(str(source), tmp_path / "out", change)
    assert found == tmp_path / "out" / source.name
    content = found.read_bytes()
    content = gzip.decompress(content) if ending.endswith("gz") else content
    assert content == write(told(change.cells))
    assert source.read_bytes() == packed(write(MADE))


def test_nothing_decided_is_the_same_file(tmp_path):
    odd = b'\xef\xbb\xbfa,b,label\r\n1, "x" ,red\n"2",,"blue"\r\n\r\n3,"y\nz",red'
    (tmp_path / "odd.csv").write_bytes(odd)
    (tmp_path / "out").mkdir()
    found = TableLayout().copy(str(tmp_path / "odd.csv"), tmp_path / "out", Edits.only(3, {}, ("label",)))
    assert found.read_bytes() == odd
    found = TableLayout().copy(str(tmp_path / "odd.csv"), tmp_path / "out", Edits.only(3, {1: ("red",)}, ("label",)))
    assert found.read_bytes() == odd.replace(b'"blue"', b'"red"')


def test_json_lines_stay_but_for_the_value(tmp_path):
    (tmp_path / "noisy.jsonl").write_bytes(json_lines(MADE))
    (tmp_path / "out").mkdir()
    found = TableLayout().copy(str(tmp_path / "noisy.jsonl"), tmp_path / "out", edits())
    before, after = json_lines(MADE).decode().split("\n"), found.read_text().split("\n")
    assert after[2] == ""  # the blank line, before which one was dropped
    expected = [line for place, line in enumerate(before) if place not in (2, 8, 30)]
    assert [a == b for a, b in zip(after, expected, strict=True)].count(False) == 2 - (MADE[0]["label"] == "blue")
    assert [json.loads(line)["label"] for line in after if line] == [row["label"] for row in told(edits().cells)]


@pytest.mark.parametrize(
    ("line", "after"),
    [
        ('{"label": "a", "x": {"label": "b"}}\n', '{"label": "é", "x": {"label": "b"}}\n'),
        ('{"x":[1,{"label":2}] ,\t"label" : null}', '{"x":[1,{"label":2}] ,\t"label" : "é"}'),
        ('{"x": "\\"label\\": 1"}\r\n', '{"x": "\\"label\\": 1", "label": "é"}\r\n'),
        ('  {"la\\u0062el":1}', '  {"la\\u0062el":"é"}'),
    ],
)
def test_one_value_of_an_object(line, after):
    assert with_value(line, "label", "é") == after


def test_an_object_without_a_key():
    assert with_value("{}", "label", 1) == '{"label": 1}'


@pytest.mark.parametrize("parts", [1, 3])
def test_parquet_keeps_types_categories_metadata_and_parts(tmp_path, parts):
    made = frame(MADE).replace_schema_metadata({"who": "me"})
    source = tmp_path / ("noisy.parquet" if parts == 1 else "noisy")
    if parts == 1:
        pq.write_table(made, source, row_group_size=11, compression="zstd")
    else:
        source.mkdir()
        for place in range(parts):
            pq.write_table(made.slice(10 * place, 10), source / f"p{place}.parquet", compression="zstd")
    (tmp_path / "out").mkdir()
    found = TableLayout().copy(str(source), tmp_path / "out", edits())
    files = [found] if parts == 1 else sorted(found.iterdir())
    assert [file.name for file in files] == [source.name] if parts == 1 else [f"p{k}.parquet" for k in range(parts)]
    table = pa.concat_tables([pq.read_table(file) for file in files]).unify_dictionaries()
    assert table.schema.remove_metadata().equals(made.schema.remove_metadata())
    assert table.to_pylist() == frame(told(edits().cells)).to_pylist()
    metadata = pq.ParquetFile(files[0]).metadata
    assert metadata.metadata[b"who"] == b"me"
    assert metadata.row_group(0).column(1).compression == "ZSTD"


@pytest.mark.parametrize(
    ("values", "cell", "after"),
    [
        (pa.array([1, 2, 3], pa.int8()), "1", 1),
        (pa.array([1.0, 2.0, 3.5], pa.float32()), "3.5", 3.5),
        (pa.array([True, False, True]), "true", True),
        (pa.array([True, False, True]), True, True),
        (pa.array(["a", None, "b"], pa.large_string()), "b", "b"),
        (pa.array([5, 6, 7]).dictionary_encode(), "7", 7),
        (pa.array(["a", "b", "c"], pa.dictionary(pa.int8(), pa.string(), ordered=True)), "new", "new"),
    ],
)
def test_a_new_label_has_the_type_of_its_column(tmp_path, values, cell, after):
    pq.write_table(pa.table({" label ": values}), tmp_path / "a.parquet")
    (tmp_path / "out").mkdir()
    found = TableLayout().copy(str(tmp_path / "a.parquet"), tmp_path / "out", Edits.only(3, {1: (cell,)}, ("label",)))
    column = pq.read_table(found).column(" label ")
    assert column.type == pq.read_table(tmp_path / "a.parquet").column(0).type
    assert column.to_pylist() == [values[0].as_py(), after, values[2].as_py()]


def test_a_label_that_is_no_value_of_its_column(tmp_path):
    pq.write_table(pa.table({"label": [1, 2]}), tmp_path / "a.parquet")
    (tmp_path / "out").mkdir()
    with pytest.raises(BadInput, match=r"the column 'label' holds values of the type int64, which 'x' is not"):
        TableLayout().copy(str(tmp_path / "a.parquet"), tmp_path / "out", Edits.only(2, {1: ("x",)}, ("label",)))


def test_a_file_that_quotes_nothing(tmp_path):
    (tmp_path / "a.tsv").write_text('a\tlabel\n1\t5" pipe\n2\t"y\n')
    (tmp_path / "out").mkdir()
    with pytest.raises(BadInput, match=r"cannot stand in .*a.tsv, which quotes no cells"):
        TableLayout().copy(str(tmp_path / "a.tsv"), tmp_path / "out", Edits.only(2, {1: ("a\tb",)}, ("label",)))


@pytest.mark.parametrize(("first", "ending"), [("csv", ".csv"), ("parquet", ".parquet"), ("json", ".jsonl")])
@pytest.mark.parametrize("second", ["csv", "parquet", "json"])
def test_rows_of_two_files_together(tmp_path, first, second, ending):
    write = {
        "csv": lambda path: path.write_bytes(csv_bytes(MADE)),
        "parquet": lambda path: pq.write_table(frame(MADE), path),
        "json": lambda path: path.write_bytes(json_lines(MADE)),
    }
    one, other = (tmp_path / f"{n}.{'jsonl' if kind == 'json' else kind}" for n, kind in enumerate((first, second)))
    write[first](one)
    write[second](other)
    parts = [Chosen(str(one), np.array([0, 3]), Edits.only(30, {}, ("label",))),
             Chosen(str(other), np.array([7, 14]), edits())]  # fmt: skip
    found = TableLayout().together(parts, tmp_path, "checked")
    assert found.name == f"checked{ending}"
    after = open_table(found).table().to_pylist()
    assert [row["label"] for row in after] == [MADE[0]["label"], MADE[3]["label"], MADE[7]["label"], "green; or so"]
    assert [float(row["a"]) for row in after] == [float(MADE[row]["a"]) for row in (0, 3, 7, 14)]
    assert [row["note"] or "" for row in after] == [MADE[row]["note"] for row in (0, 3, 7, 14)]
