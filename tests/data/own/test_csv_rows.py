"""A CSV file row by row, as it was written."""

import gzip

import pytest

from reweigh.data.own.csv_file import CsvFile
from reweigh.data.own.csv_rows import with_cells

FILES = {
    "plain": "a,b\n1,x\n2,y\n",
    "excel": '\ufeffsep=;\r\na;b\r\n1;"x\r\ny ""z"""\r\n\r\n2;y\r\n',
    "no end": "a,b\r1,x\r2,y",
    "comments": "# made by\n# hand\n\na\tb\n1\tx\n2\ty\n",
    "marks": 'a,b\n1,"x, y"\n2,z" inside\n',
    "tabs": 'a\tb\n1\t5" pipe\n2\t"y\n',
}


def opened(tmp_path, text, name="f.csv", encoding="utf-8"):
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode(encoding)) if name.endswith(".gz") else text.encode(encoding))
    return CsvFile(path)


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize(("name", "encoding"), [("f.csv", "utf-8"), ("f.csv.gz", "utf-8"), ("f.csv", "utf-16")])
def test_the_rows_together_are_the_file(tmp_path, kind, name, encoding):
    text = FILES[kind].lstrip("\ufeff") if encoding == "utf-16" else FILES[kind]
    file = opened(tmp_path, text, name, encoding)
    found = list(file.rows_as_written())
    assert "".join(row.text for row in found) == text.lstrip("\ufeff")
    assert len([row for row in found if row.fields]) - 1 == file.rows == len(file.lines()) == 2
    assert len(file.text.mark) == (2 if encoding == "utf-16" else 3 if text.startswith("\ufeff") else 0)


def test_lines_are_counted_as_a_spreadsheet_does(tmp_path):
    lines = {kind: opened(tmp_path, text).lines().tolist() for kind, text in FILES.items()}
    assert lines["plain"] == [2, 3]
    assert lines["excel"] == [2, 4]  # "sep=;" is no row, a cell of two lines is one, and the blank row counts
    assert lines["comments"] == [5, 6]


@pytest.mark.parametrize(
    ("text", "cells", "after"),
    [
        ("a,b,c\n1,x,2\n", {1: "y"}, "1,y,2\n"),
        ("a,b,c\n1,x,2", {2: "y"}, "1,x,y"),
        ("a,b,c\n1,x,2\r\n", {1: "y, z"}, '1,"y, z",2\r\n'),
        ('a,b,c\n1,"x",2\n', {1: "y"}, '1,"y",2\n'),
        ('a,b,c\n"1 ""0""\n,","x",\n', {1: 'say "y"', 2: "z"}, '"1 ""0""\n,","say ""y""",z\n'),
        ("a,b,c\n,,\n", {0: "y", 2: '"'}, 'y,,""""\n'),
        ("a,b,c\n 1 , x , 2 \n", {1: "y"}, " 1 ,y, 2 \n"),
        ('a\tb\tc\n1\t5" x\t2\n3\t"\t4\n', {2: '6"'}, '1\t5" x\t6"\n'),
    ],
)
def test_only_the_cells_that_change_are_written_anew(tmp_path, text, cells, after):
    file = opened(tmp_path, text)
    row = [row for row in file.rows_as_written() if row.fields][1]
    assert with_cells(row, cells, file.dialect) == after


def test_what_a_file_without_quoting_cannot_hold(tmp_path):
    file = opened(tmp_path, FILES["tabs"])
    row = [row for row in file.rows_as_written() if row.fields][1]
    with pytest.raises(ValueError, match="p\tq"):
        with_cells(row, {1: "p\tq"}, file.dialect)
