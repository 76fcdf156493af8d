"""Where a suspect stands, and what it is: in the audit's file, beside its label."""

import csv

import pyarrow.parquet as pq
import pytest

import own_files
from dirty import COUNT, excel_bytes, rows, trained
from reweigh.audit import audit_run, write_export
from reweigh.cli.guard import run


@pytest.fixture(scope="module")
def excel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("excel")
    return trained(folder, "excel")


def read(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_table_comes_with_its_columns_and_the_line_of_a_spreadsheet(excel, tmp_path):
    folder, noisy, wrong, _ = excel
    write_export(audit_run(folder), tmp_path / "audit.csv")
    found, source = read(tmp_path / "audit.csv"), rows()[0]
    assert list(found[0])[:6] == ["id", "file", "line", "wrong_probability", "wrong_of_next_100", "given_label"]
    assert len(found) == COUNT
    for row in found:
        assert row["file"] == str(noisy)
        mine = source[int(row["line"]) - 2]  # the names stand in line 1, and a cell of two lines is one row
        assert row["id"] == f"row {int(row['line']) - 2}"
        assert (row["a"], row["note"], row["given_label"]) == (mine["a"].replace(".", ","), mine["note"], mine["label"])
    first = [int(row["line"]) - 2 for row in found[: int(wrong.sum())]]
    assert wrong[first].mean() > 0.6


def test_parquet_has_the_same_columns(excel, tmp_path):
    folder = excel[0]
    found = audit_run(folder)
    for name in ("audit.csv", "audit.parquet"):
        write_export(found, tmp_path / name)
    table = pq.read_table(tmp_path / "audit.parquet")
    mine = read(tmp_path / "audit.csv")
    assert table.column_names == list(mine[0])
    assert table["note"].to_pylist() == [row["note"] for row in mine]
    assert table["line"].to_pylist() == [int(row["line"]) for row in mine]


def test_a_column_that_is_called_as_one_of_the_audit_s(tmp_path):
    made = [{**row, "loss": "1", "line": str(k % 5)} for k, row in enumerate(rows()[0])]
    (tmp_path / "noisy.csv").write_bytes(excel_bytes([dict(sorted(row.items())) for row in made]))
    (tmp_path / "ids.txt").write_text("".join(f"{k}\n" for k in range(0, 240, 3)))
    options = [
        "--target",
        "label",
        "--clean-ids",
        str(tmp_path / "ids.txt"),
        "--rule",
        "l2rw",
        "--steps",
        "30",
        "--quick",
    ]
    assert run(["train", "--train", str(tmp_path / "noisy.csv"), *options, "--output", str(tmp_path / "run")]) == 0
    write_export(audit_run(tmp_path / "run"), tmp_path / "audit.csv")
    found = read(tmp_path / "audit.csv")
    assert {row["loss (source)"] for row in found} == {"1"}
    assert {row["line (source)"] for row in found} == set("01234")
    assert all(int(row["id"].removeprefix("row ")) == int(row["line"]) - 2 for row in found)


def test_texts_and_pictures(tmp_path):
    assert run(own_files.command("text", tmp_path / "t", tmp_path / "t" / "run", "--steps", "20")) == 0
    write_export(audit_run(tmp_path / "t" / "run"), tmp_path / "t.csv")
    first = read(tmp_path / "t.csv")[0]
    assert first["title"].endswith(" <script>")
    assert first["id"] == f"t{int(first['line']) - 2}"
    assert run(own_files.command("images", tmp_path / "i", tmp_path / "i" / "run", "--steps", "20")) == 0
    write_export(audit_run(tmp_path / "i" / "run"), tmp_path / "i.csv")
    for row in read(tmp_path / "i.csv"):
        assert row["file"] == f"{tmp_path}/i/noisy/{row['id']}"
        assert "line" not in row


def test_arrays_have_neither(tmp_path):
    assert run(own_files.command("arrays", tmp_path / "a", tmp_path / "a" / "run", "--steps", "20")) == 0
    write_export(audit_run(tmp_path / "a" / "run"), tmp_path / "a.csv")
    assert "file" not in read(tmp_path / "a.csv")[0]
