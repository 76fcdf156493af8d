"""Tables as files: nothing runs in a spreadsheet, nothing is written by half."""

import csv

import numpy as np
import pandas
import pytest

from reweigh.errors import BadInput
from reweigh.tables import cell, check_output, write_lines, write_table


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("+1", "+1"), ("-1.5e3", "-1.5e3"), ("-inf", "'-inf"), ("-", "'-"), ("", ""), ("=1", "'=1"), (" =1", "' =1"),
        ("\t=1", "'\t=1"), ("@a", "'@a"), ("＝1", "'＝1"), ("é=", "é="), ("+1 ", "'+1 "), ("\n=1", "'\n=1"),
    ],
)  # fmt: skip
def test_cells(text, written):
    assert cell(text) == written


def test_heads_and_cells_are_made_safe_and_what_is_not_known_is_empty(tmp_path):
    columns = {"=head": ["=1", None], "n": np.array([np.nan, 0.25]), "k": np.array([3, -4]), "b": [True, False]}
    write_table(tmp_path / "deep" / "t.csv", columns)
    with (tmp_path / "deep" / "t.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [
            ["'=head", "n", "k", "b"], ["'=1", "", "3", "True"], ["", "0.25", "-4", "False"],
        ]  # fmt: skip
    write_table(tmp_path / "t.parquet", columns)
    read = pandas.read_parquet(tmp_path / "t.parquet")
    assert read["=head"].isna().tolist() == [False, True]
    assert read["n"].isna().tolist() == [True, False]


def test_files_that_are_there_stay(tmp_path):
    (tmp_path / "t.csv").write_text("mine")
    for path in (tmp_path / "t.csv", tmp_path / "t.txt", tmp_path):
        with pytest.raises(BadInput):
            check_output(path, overwrite=False)
    write_table(tmp_path / "t.csv", {"a": [1]}, overwrite=True)
    assert (tmp_path / "t.csv").read_text().split() == ["a", "1"]


def test_lines_are_lines_whatever_they_hold(tmp_path):
    write_lines(tmp_path / "deep" / "out.txt", ["a\nb", "c\r\n\x85d\u2028e", 3, "=f"])
    content = (tmp_path / "deep" / "out.txt").read_bytes().decode()
    assert content.split("\n") == ["a b", "c d e", "3", "=f", ""]
    assert len(content.splitlines()) == 4  # by whatever rule lines are counted
    with pytest.raises(BadInput, match=r"out\.txt exists"):
        write_lines(tmp_path / "deep" / "out.txt", ["a"])
    write_lines(tmp_path / "deep" / "out.txt", [], overwrite=True)
    assert (tmp_path / "deep" / "out.txt").read_bytes() == b""


def test_text_is_for_those_who_ask_for_it(tmp_path):
    check_output(tmp_path / "a.txt", overwrite=False, text=True)
    with pytest.raises(BadInput, match=r"ends in neither \.csv nor \.parquet"):
        check_output(tmp_path / "a.txt", overwrite=False)
