from pathlib import Path

import pytest

from reweigh.data.own.dialect import find_dialect
from reweigh.data.own.text_file import TextFile


def found(desk, content, name="t.csv"):
    return find_dialect(TextFile(Path(desk.write(name, content))))


@pytest.mark.parametrize(
    ("content", "delimiter", "skip", "header"),
    [
        ("a,b\n1,2\n", ",", 0, ["a", "b"]),
        ("sep=;\na;b\n1;2\n", ";", 1, ["a", "b"]),
        ('"sep=|"\na|b\n', "|", 1, ["a", "b"]),
        ("# x, y, z\n#\na,b\n1,2\n", ",", 2, ["a", "b"]),
        ("#a,b\n1,2\n", ",", 0, ["#a", "b"]),
        ("\r\n\ra\tb\r1\t2", "\t", 2, ["a", "b"]),
    ],
)
def test_delimiter_and_names(desk, content, delimiter, skip, header):
    dialect = found(desk, content)
    assert (dialect.delimiter, dialect.skip, dialect.header) == (delimiter, skip, header)


def test_trailing_delimiters_of_rows_but_not_of_the_names(desk):
    assert found(desk, "a,b\n1,2,\n3,4,\n").trailing
    assert not found(desk, "a,b\n1,2,\n3,4,5\n").trailing
    assert not found(desk, "a,b,\n1,2,\n").trailing


@pytest.mark.parametrize(
    ("content", "quoted"),
    [
        ('a\tb\n"x"\t2\n', True),
        ('a\tb\n"x\ty"\t2\n', True),
        ('a\tb\n"x\ny"\t2\n', True),
        ('a\tb\n"x\t2\ny\t3\n', False),
        ('a\tb\n"x" y\t2\n', False),
        ('a\tb\n"x\t2\ny"\t3\n', False),
    ],
)
def test_whether_marks_quote_between_tabs(desk, content, quoted):
    assert found(desk, content).quoted is quoted


def test_a_mark_that_is_never_closed(desk, refused):
    with refused("line 3", "quotation mark"):
        found(desk, 'a,b\n1,2\n"x,2\n')


def test_line_breaks_that_could_end_rows_are_said(desk):
    assert found(desk, 'a,b\n1,"x\ny,z"\n').notes == [
        f"cells of {desk.path('t.csv')} hold line breaks within quotation marks, the first in line 2"
    ]
    assert found(desk, 'a,b\n1,"x\nz"\n').notes == []
