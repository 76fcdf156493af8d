"""Files found, read by windows, and written again as they stand."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import tiny_language_models as tiny
from reweigh.errors import BadInput
from reweigh.scoring.files import WINDOW, find_shards
from reweigh.scoring.files.json_lines import JsonLines
from reweigh.scoring.files.parquet_file import Parquet


def test_a_file_a_pattern_and_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tiny.json_lines(tmp_path / "d" / "b.jsonl", tiny.texts(2))
    tiny.parquet(tmp_path / "d" / "in" / "a.parquet", tiny.texts(3))
    tiny.json_lines(tmp_path / "d" / ".hidden" / "c.jsonl", tiny.texts(2))
    (tmp_path / "d" / "notes.txt").write_text("no data")
    assert [(one.name, one.rows) for one in find_shards("d")] == [("b.jsonl", 2), ("in/a.parquet", 3)]
    assert [one.name for one in find_shards("d/*.jsonl")] == ["b.jsonl"]
    assert [one.name for one in find_shards(str(tmp_path / "d" / "in" / "a.parquet"))] == ["a.parquet"]
    assert len({one.digest for one in find_shards("d")}) == 2


@pytest.mark.parametrize("data", ["nothing-*.jsonl", "notes.txt", "empty"])
def test_data_that_are_none(data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("no data")
    with pytest.raises(BadInput, match=r"ends in .parquet, .pq, .jsonl, .ndjson"):
        find_shards(data)


def test_lines_as_editors_and_spreadsheets_leave_them(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(
        b'\xef\xbb\xbf{"text": "one"}\r\n\r\n{"text": "two\xe2\x80\xa8"}\n  \n{"text": "three", "more": 1}'
    )
    kind = JsonLines()
    assert kind.count(path) == 3
    assert [row["text"] for row in next(kind.windows(path))] == ["one", "two\u2028", "three"]
    assert kind.columns(path) == ["text", "more"]
    kind.keep(path, tmp_path / "b.jsonl", np.array([True, False, True]))
    assert (tmp_path / "b.jsonl").read_bytes() == b'{"text": "one"}\n{"text": "three", "more": 1}\n'


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "line 2 of .*cannot be read as JSON"),
        ("[1]", "line 2 of .*must hold a JSON object"),
        ('{"a": NaN}', "no number"),
    ],
)
def test_a_broken_line_is_named(line, said, tmp_path):
    (tmp_path / "a.jsonl").write_text(f'{{"a": 1}}\n{line}\n')
    with pytest.raises(BadInput, match=said):
        list(JsonLines().windows(tmp_path / "a.jsonl"))


def test_a_damaged_parquet_file_is_a_sentence(tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(BadInput, match="cannot be read as Parquet"):
        find_shards(tmp_path)


@pytest.mark.parametrize("kind", ["json", "parquet"])
def test_windows_are_bounded_whatever_the_row_groups(kind, tmp_path):
    rows = [{"id": n, "text": "x"} for n in range(WINDOW + 5)]
    if kind == "json":
        windows = JsonLines().windows(tiny.json_lines(tmp_path / "a.jsonl", rows))
    else:
        windows = Parquet().windows(tiny.parquet(tmp_path / "a.parquet", rows, group=100_000), ["id"])
    sizes = [len(window) for window in windows]
    assert sizes == [WINDOW, 5]


def test_parquet_keeps_types_and_row_order(tmp_path):
    table = pa.table(
        {
            "id": pa.array(range(10), pa.int16()),
            "when": pa.array([None, *range(9)], pa.timestamp("us", tz="UTC")),
            "tags": pa.array([["a"]] * 10, pa.list_(pa.dictionary(pa.int8(), pa.string()))),
        },
        metadata={b"about": b"it"},
    )
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=3)
    kept = np.arange(10) % 3 == 1
    Parquet().keep(tmp_path / "a.parquet", tmp_path / "b.parquet", kept)
    found = pq.read_table(tmp_path / "b.parquet")
    assert found.schema.equals(table.schema)
    assert found["id"].to_pylist() == [1, 4, 7]
    assert found.schema.metadata[b"about"] == b"it"
    Parquet().weigh(tmp_path / "a.parquet", tmp_path / "c.parquet", np.arange(10) / 4, "weight")
    weighed = pq.read_table(tmp_path / "c.parquet")
    assert weighed["weight"].to_pylist() == [n / 4 for n in range(10)]
    assert weighed.drop(["weight"]).equals(table)


@pytest.mark.parametrize("kind", ["json", "parquet"])
def test_a_column_that_is_there_is_not_written_over(kind, tmp_path):
    rows = [{"text": "x", "weight": 1}]
    if kind == "json":
        path, how = tiny.json_lines(tmp_path / "a.jsonl", rows), JsonLines()
    else:
        path, how = tiny.parquet(tmp_path / "a.parquet", rows), Parquet()
    with pytest.raises(BadInput, match="has a column 'weight' already: name that of the weights by --column"):
        how.weigh(path, tmp_path / "out", np.ones(1), "weight")
