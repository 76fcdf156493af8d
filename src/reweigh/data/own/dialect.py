"""How a CSV file is written: its delimiter, whether quotation marks quote, what stands before the names.

All of it is found, and where a file can be read in two ways the choice is said. Python's own `csv` walks a file where
quotation marks or a wrong row ask for it; the cells themselves come from Arrow.
"""

import csv
import io
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Literal

from ...errors import BadInput
from ...words import counted, shown
from .text_file import TextFile

DELIMITERS = ",\t;|"


@dataclass
class Dialect:
    """How the file is written.

    Attributes:
        delimiter: between fields.
        skip: lines before the names: Excel's "sep=;", and comments.
        header: the names as they stand; one more, empty, where every row ends in a delimiter and the names do not.
        trailing: whether that is so.
        quoted: whether a field may stand in quotation marks.
        notes: what was guessed, a sentence each.
    """

    delimiter: str
    skip: int
    header: list[str]
    trailing: bool = False
    quoted: bool = True
    notes: list[str] = field(default_factory=list)


def find_dialect(file: TextFile) -> Dialect:
    """The dialect of a file that is not empty.

    Raises:
        BadInput: a quotation mark in it opens a field and does not close it.
    """
    lines = io.StringIO(file.head, newline=None).read().split("\n")
    lines = lines if file.whole or len(lines) < 2 else lines[:-1]  # the last one may be cut off
    told, skip = _told(lines)
    skip = next((place for place in range(skip, len(lines)) if lines[place].strip()), skip)
    if told is None:
        told, skip = _sniffed(file.path, lines, skip)
    rows = _rows("\n".join(lines[skip:]), told)
    trailing = len(rows) > 1 and all(len(row) == len(rows[0]) + 1 and row[-1] == "" for row in rows[1:])
    found = Dialect(told, skip, [*rows[0], ""] if trailing else rows[0], trailing)
    if trailing:
        found.notes.append(f"rows of {file.path} end in {shown(told)}, which is passed over")
    if any(line.startswith("#") for line in lines[:skip]):
        found.notes.append(f"{counted(skip, 'line')} before the names of {file.path} are passed over")
    if file.quotes:
        _find_quoting(file, found)
        blank = next((cell for row in rows for cell in row if cell[:1] == " " and cell.strip()[:1] == '"'), None)
        if blank is not None and told != "\t":
            found.notes.append(f"quotation marks behind a blank, as in {shown(blank)}, are characters of the text")
    return found


def _told(lines: list[str]) -> tuple[str | None, int]:
    """The delimiter of a first line such as "sep=;", and how many lines that is."""
    first = lines[0].strip(' "')
    return (first[4], 1) if first.lower().startswith("sep=") and len(first) == 5 else (None, 0)


def _sniffed(path: Path, lines: list[str], skip: int) -> tuple[str, int]:
    """The delimiter, and the lines to skip: comments before the names are not as wide as what follows."""
    names = next((place for place in range(skip, len(lines)) if lines[place].strip()[:1] not in ("#", "")), skip)
    text = "\n".join(lines[names:])
    delimiter = "\t" if ".tsv" in path.suffixes and "\t" in lines[names] else sniff(text)
    if names == skip:
        return delimiter, skip
    width = len(_rows(text, delimiter)[0])
    widths = [len(_rows(line, delimiter)[0]) for line in lines[skip:names] if line.strip()]
    if widths and widths[-1] == width > 1:  # "#id,name" are names
        names = max(place for place in range(skip, names) if lines[place].strip())
    return delimiter, names


def sniff(text: str) -> str:
    """The delimiter with which the first lines of `text` fall into the most columns, the same number in each."""

    def score(delimiter: str) -> tuple[float, int]:
        widths = [len(row) for row in _rows(text, delimiter)]
        if not widths or widths[0] == 1:
            return 0.0, 0
        return sum(width == widths[0] for width in widths) / len(widths), widths[0]

    return max(DELIMITERS, key=score)


def _rows(text: str, delimiter: str) -> list[list[str]]:
    """The first rows of some lines; one row at least."""
    found: list[list[str]] = []
    with any_length():
        for row in csv.reader(io.StringIO(text), delimiter=delimiter):
            if row:
                found.append(row)
            if len(found) > 200:
                break
    return found or [[""]]


@contextmanager
def any_length() -> Iterator[None]:
    """No limit to the length of a field while Python's `csv` walks; Arrow has its own."""
    limit = csv.field_size_limit(sys.maxsize)
    try:
        yield
    finally:
        csv.field_size_limit(limit)


@dataclass
class Walked:
    """A walk through all rows: the line of the first that stands on several, and the first that is not as wide as the names.

    `wrong` is (line, row as a spreadsheet counts, fields), with no fields where a quotation mark is not closed.
    """

    rows: int = 0
    first_long: int = 0
    wrong: tuple[int, int, int] | None = None


def walk(file: TextFile, dialect: Dialect, quoted: bool) -> Walked:
    """Go through the file with Python's `csv`, strictly, as far as its first wrong row."""
    found, width = Walked(), len(dialect.header)
    if _is_plain(file, dialect, quoted):
        return found
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
    with file.lines() as lines, any_length():
        for _ in range(dialect.skip):
            next(lines)
        reader = csv.reader(lines, delimiter=dialect.delimiter, quoting=quoting, strict=True)
        while True:
            before = reader.line_num
            try:
                row = next(reader, None)
            except csv.Error:
                found.wrong = (dialect.skip + before + 1, found.rows + 1, 0)
                return found
            if row is None:
                return found
            if not row:
                continue
            found.rows += 1
            long = reader.line_num - before
            line = dialect.skip + before + 1
            found.first_long = found.first_long or (line if long > 1 else 0)
            wide = width - (dialect.trailing and found.rows == 1)
            if len(row) != wide:
                found.wrong = (line, found.rows, len(row))
                return found


def _is_plain(file: TextFile, dialect: Dialect, quoted: bool) -> bool:
    """Whether every row is as wide as the names and stands on a line of its own; without a step of Python for each row."""
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
    with file.lines() as lines, any_length():
        reader = csv.reader(
            islice(lines, dialect.skip, None), delimiter=dialect.delimiter, quoting=quoting, strict=True
        )
        try:
            widths = Counter(map(len, reader))
        except csv.Error:
            return False
        return set(widths) <= {0, len(dialect.header)} and reader.line_num == widths.total()


def _find_quoting(file: TextFile, found: Dialect) -> None:
    """In a tab-separated file a quotation mark is mostly a character as any other; elsewhere it quotes."""
    quoted, tabs = walk(file, found, quoted=True), found.delimiter == "\t"
    open_mark = quoted.wrong is not None and quoted.wrong[2] == 0
    if open_mark and not tabs:
        raise _never_closed(file.path, found, quoted)
    if quoted.wrong is None and not quoted.first_long:
        return
    plain = walk(file, found, quoted=False)
    if tabs and (open_mark or plain.wrong is None):
        found.quoted = False
        _requote(file, found)
        found.notes.append(f"quotation marks in {file.path} are taken as characters of the text")
    elif plain.wrong is None and quoted.wrong is None:
        found.notes.append(
            f"cells of {file.path} hold line breaks within quotation marks, the first in line {quoted.first_long}"
        )


def _requote(file: TextFile, found: Dialect) -> None:
    """The names again, once it is known that quotation marks are characters."""
    with file.lines() as lines:
        for _ in range(found.skip):
            next(lines)
        header = next(line for line in lines if line.strip()).rstrip("\n").split(found.delimiter)
    found.header = [*header, ""] if found.trailing else header


def _never_closed(path: Path, found: Dialect, walked: Walked) -> BadInput:
    assert walked.wrong is not None
    line, row, _ = walked.wrong
    return BadInput(
        f"line {line} of {path}{row_of_sheet(line, row)} has a quotation mark that opens a field and is not closed at the "
        "end of one: double quotation marks within quoted fields, or take the mark out"
    )


def row_of_sheet(line: int, row: int) -> str:
    """Where a spreadsheet shows the row, if that is not its line."""
    return "" if line == row else f" (row {row} of a spreadsheet)"
