"""A CSV file row by row, each with its text as it was written: to count rows, and to write most of them again as they are.

Python's own `csv` says where a row ends, and what it took in for it is the row's text. Where a field begins and ends within
that is asked of the few rows that change.
"""

import csv
import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from .dialect import Dialect, any_length
from .text_file import TextFile


class CsvRow(NamedTuple):
    """A row of the file.

    Attributes:
        line: as a spreadsheet counts it, from 1: a row whose cells hold line breaks is one, and Excel's "sep=;" is none.
        text: all of it, its end included.
        fields: its cells; none where it is blank, or stands before the names.
    """

    line: int
    text: str
    fields: list[str]


def rows_of(file: TextFile, dialect: Dialect) -> Iterator[CsvRow]:
    """All rows: what stands before the names, the names, and then the examples; blank ones are no examples."""
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if dialect.quoted else csv.QUOTE_NONE
    with file.lines("") as lines, any_length():
        line = 0
        for _ in range(dialect.skip):
            text = next(lines)
            line += 0 if _says_the_delimiter(text) else 1
            yield CsvRow(line, text, [])
        taken: list[str] = []
        for fields in csv.reader(_heard(lines, taken), delimiter=dialect.delimiter, quoting=quoting):
            line += 1
            yield CsvRow(line, "".join(taken), fields)
            taken.clear()


def _heard(lines: Iterator[str], taken: list[str]) -> Iterator[str]:
    for line in lines:
        taken.append(line)
        yield line


def _says_the_delimiter(text: str) -> bool:
    return text.strip(' "\r\n').lower().startswith("sep=")


def with_cells(row: CsvRow, cells: dict[int, str], dialect: Dialect) -> str:
    """The row's text with other cells at some places, from 0; the others stay to the last byte.

    A cell that stood in quotation marks, or that needs them, gets them.

    Raises:
        ValueError: if a cell holds what cannot be written in this file.
    """
    found = list[str]()
    for place, field in enumerate(_fields(dialect).finditer(row.text)):
        cell = _written(cells[place], field["cell"], dialect) if place in cells else field["cell"]
        found += [cell, field["end"]]
        if field["end"] != dialect.delimiter:
            return "".join(found)
    raise AssertionError(f"a row that is none: {row.text!r}")


def _fields(dialect: Dialect) -> re.Pattern[str]:
    apart = re.escape(dialect.delimiter)
    quoted = r'"(?:[^"]|"")*"[^{0}\r\n]*|' if dialect.quoted else ""
    return re.compile(rf"(?P<cell>{quoted.format(apart)}[^{apart}\r\n]*)(?P<end>{apart}|\r\n|\r|\n|\Z)")


def _written(cell: str, before: str, dialect: Dialect) -> str:
    needed = any(letter in cell for letter in (dialect.delimiter, "\r", "\n"))
    if not dialect.quoted:
        if needed:
            raise ValueError(cell)
        return cell
    if needed or cell[:1] == '"' or before[:1] == '"':
        return '"' + cell.replace('"', '""') + '"'
    return cell
