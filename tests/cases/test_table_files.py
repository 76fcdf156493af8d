"""Tables whose lines, quotation marks or names were taken for something else: what separates cells, where a table begins."""

import random
import subprocess
import sys
import time

import numpy as np
import pytest

from reweigh.errors import BadInput
from small_tables import ROWS, column, read, table


@pytest.mark.parametrize("end", ["\r", "\r\n", "\n"])
def test_ends_of_lines(tmp_path, end):
    own = read(table(tmp_path, lambda row: f"{row * row}", end=end, after=f"7,1,a,0\r8,1,b,0{end}\n\r9,1,b,0"))
    assert column(own)[1][-3:] == pytest.approx([7, 8, 9], rel=1e-4)
    assert len(column(own)[1]) == ROWS + 3


@pytest.mark.parametrize("name", ["v.tsv", "v.csv"])
@pytest.mark.parametrize("rows", [(5,), (5, 9), (5, 9, 12)])
def test_a_lone_quotation_mark_swallows_no_lines(tmp_path, name, rows):
    own = read(table(tmp_path, lambda row: '"red' if row in rows else "blue", name, "\t"))
    assert column(own)[1] == ['"red' if row in rows else "blue" for row in range(ROWS)]
    assert any("quotation marks" in note for note in own.notes)


def test_a_quotation_mark_that_opens_and_one_that_closes_lines_later(tmp_path):
    cells = {5: '"red', 9: 'red"'}
    own = read(table(tmp_path, lambda row: cells.get(row, "blue"), "v.tsv", "\t"))
    assert column(own)[1] == [cells.get(row, "blue") for row in range(ROWS)]


def test_quoted_fields_of_a_tab_separated_file_stay_quoted(tmp_path):
    own = read(table(tmp_path, lambda row: '"a\tb\nc"' if row % 2 else '"d"', "v.tsv", "\t"))
    assert column(own)[1][:2] == ["d", "a\tb\nc"]


@pytest.mark.parametrize("cell", ['"red" car', '"red'])
def test_marks_that_do_not_close_where_they_should_are_refused_elsewhere(tmp_path, cell):
    with pytest.raises(BadInput, match=r"line 7 of .* quotation mark"):
        read(table(tmp_path, lambda row: cell if row == 5 else "blue"))


@pytest.mark.parametrize(
    ("before", "delimiter"), [("sep=;\n", ";"), ("sep=\t\n", "\t"), ("# by a program, today\n#\n", ","), ("\n\n", "|")]
)
def test_lines_before_the_names(tmp_path, before, delimiter):
    own = read(table(tmp_path, lambda row: str(row * row), delimiter=delimiter, before=before))
    assert column(own)[1][2] == pytest.approx(4, rel=1e-4)


def test_names_may_begin_with_a_hash(tmp_path):
    path = table(tmp_path, lambda row: str(row * row))
    (tmp_path / "v.csv").write_text((tmp_path / "v.csv").read_text().replace("v,z", "#v,z"))
    assert column(read(path), "#v")[1][3] == pytest.approx(9, rel=1e-4)


def test_rows_that_end_in_a_delimiter(tmp_path):
    path = table(tmp_path, lambda row: str(row * row))
    whole = (tmp_path / "v.csv").read_text().replace("\n", ",\n").replace("ok,\n", "ok\n")
    (tmp_path / "v.csv").write_text(whole)
    own = read(path)
    assert column(own)[1][3] == pytest.approx(9, rel=1e-4)
    assert any("passed over" in note for note in own.notes)


@pytest.mark.parametrize(
    ("after", "where"),
    [
        (b"1,caf\xe9\n", "0xe9.* in line 42"),
        (b"1,\0,a,0\n", "zero byte in line 42"),
        (b"\r1,\xff,1,2,3,4\r", "0xff.* in line 43"),
    ],
)
def test_odd_bytes_are_found_before_a_row_that_is_too_long(tmp_path, after, where):
    path = table(tmp_path, str)
    (tmp_path / "v.csv").write_bytes((tmp_path / "v.csv").read_bytes() + after)
    with pytest.raises(BadInput, match=where):
        read(path)


def test_a_ragged_row_is_named_by_line_and_as_a_spreadsheet_counts(tmp_path):
    path = table(tmp_path, lambda row: '"two\nlines"' if row < 3 else "one", after="1,2\n")
    with pytest.raises(BadInput, match=r"line 45 of .*\(row 42 of a spreadsheet\) has 2 fields"):
        read(path)


def test_names_longer_than_a_block(tmp_path):
    names = [
        f"a name that is much longer than a name of a column should ever be in any table: number {place}"
        for place in range(900)
    ]
    lines = [",".join([*names, "label", "ok"])]
    draw = random.Random(0)
    lines += [
        ",".join([f"{draw.random():.3f}" for _ in names] + ["ab"[row % 2], str(int(row < 9))]) for row in range(20)
    ]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    assert read(str(tmp_path / "t.csv")).encoding.input_shape == (900,)


WIDE = """
import sys, resource
from reweigh.data.own import Sources, read_own
own = read_own(Sources(train=sys.argv[1], target="label", clean_column="ok"), seed=0)
assert own.train.x.shape[1] == 4000, own.train.x.shape
"""


@pytest.mark.slow
def test_thousands_of_columns_take_seconds(tmp_path):
    draw = np.random.default_rng(0)
    x = draw.normal(size=(200, 4000)).round(3).astype(str)
    lines = [",".join([*(f"c{place}" for place in range(4000)), "label", "ok"])]
    lines += [",".join([*row, "ab"[place % 2], str(int(place < 20))]) for place, row in enumerate(x)]
    (tmp_path / "wide.csv").write_text("\n".join(lines))
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", WIDE, str(tmp_path / "wide.csv")], check=True)
    assert time.perf_counter() - start < 30
