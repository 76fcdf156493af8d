"""Of a file that is not read it is said what to do instead, by what it is."""

import json

import pytest

from reweigh.data.own.paths import existing, kind_at, open_table
from reweigh.errors import BadInput


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("book.xlsx", "save the sheet as CSV"),
        ("old.XLS", "save the sheet as CSV"),
        ("frame.feather", r"write the table as Parquet, in pandas by frame.to_parquet"),
        ("frame.pkl", r"write the table as Parquet, in pandas by frame.to_parquet"),
        ("rows.sqlite", "write the table as CSV"),
        ("table.csv.xz", "unpack it first"),
        ("table.zip", "unpack it first"),
        ("x.npy", r"write x and y as .npz \(numpy.savez\)"),
        ("noending", "is of no kind that can be read: give .csv, .tsv"),
        ("strange.thing", "is of no kind that can be read: give .csv, .tsv"),
    ],
)
def test_what_to_do_with_a_file_of_another_kind(name, instead, tmp_path):
    (tmp_path / name).write_bytes(b"something")
    with pytest.raises(BadInput, match=instead) as caught:
        kind_at(tmp_path / name)
    assert name in str(caught.value)


@pytest.mark.parametrize(
    ("content", "instead"),
    [
        ('\ufeff [\n{"a": 1}]', r"`jq -c '\.\[\]' rows.json > rows.jsonl`, and name rows.jsonl"),
        ('{"a": 1}\n{"a": 2}\n', "where it has one object a line, call it .jsonl; else write the table as CSV"),
        ("", "where it has one object a line"),
    ],
)
def test_json_is_told_by_how_it_begins(content, instead, tmp_path):
    (tmp_path / "rows.json").write_text(content, encoding="utf-8")
    with pytest.raises(BadInput, match=instead):
        kind_at(tmp_path / "rows.json")


def test_the_lines_that_are_advised_are_read(tmp_path):
    rows = [{"a": 1, "label": "x"}, {"a": 2, "label": "y"}]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))  # as jq -c '.[]' writes them
    assert open_table(tmp_path / "rows.jsonl").table().to_pylist() == rows


@pytest.mark.parametrize("address", ["https://example.com/a.csv", "s3://bucket/a.csv", "hf://datasets/a/b"])
def test_an_address_is_no_file(address):
    with pytest.raises(BadInput, match="is an address, and data are read from files: download it first") as caught:
        existing(address)
    assert address in str(caught.value)
