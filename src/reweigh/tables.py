"""A table as a file that people open: CSV or Parquet, whole or not at all.

A CSV file is opened by spreadsheets, which run a cell that begins with =, +, - or @ as a formula. Cells come from
people's data, so a text that begins so gets an apostrophe in front (as OWASP advises); plain numbers, as in a column of -1
and +1, are left alone. Parquet has the texts as they are.
"""

import csv
import io
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from reweigh.arrow import pa, parquet
from reweigh.errors import BadInput
from reweigh.storage import make_folder, write_bytes

_NUMBER = re.compile(r"[+-]?(\d[\d.,]*|[.,]\d+)([eE][+-]?\d+)?")  # with a comma as well, as half the world writes it
_BREAKS = re.compile("[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]+")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def check_output(path: Path, *, overwrite: bool, text: bool = False) -> None:
    """Refuse a file that cannot be written as asked, before any work is done; with `text` it may be one of lines.

    Raises:
        BadInput: if the name ends in neither .csv nor .parquet, or something is there and `overwrite` is not set.
    """
    if path.suffix.lower() not in (".csv", ".parquet", *([".txt"] if text else [])):
        raise BadInput(f"{path} ends in neither .csv nor .parquet: name the file so that it says which it should be")
    check_free(path, overwrite=overwrite)


def check_free(path: Path, *, overwrite: bool) -> None:
    """Refuse to write over a file unless that is asked for, or over a folder at all.

    Raises:
        BadInput: saying what to do.
    """
    if path.is_dir():
        raise BadInput(f"{path} is a folder: name a file with --output")
    if path.exists() and not overwrite:
        raise BadInput(f"{path} exists: replace it with --overwrite, or name another file with --output")


def write_table(path: Path, columns: Mapping[str, Any], *, overwrite: bool = False) -> None:
    """Write `columns` (lists, arrays or Arrow columns of N values, by name) to `path`, CSV or Parquet by its ending.

    What is not known (NaN, None) is empty or null.

    Raises:
        BadInput: as `check_output`.
        ReweighError: if the disk refuses.
    """
    check_output(path, overwrite=overwrite)
    make_folder(path.parent)
    write_bytes(path, _parquet(columns) if path.suffix.lower() == ".parquet" else _csv(columns))


def write_lines(path: Path, lines: Iterable[Any], *, overwrite: bool = False) -> None:
    """Write something to each line of `path`; what would break a line is a blank there.

    Raises:
        BadInput: as `check_free`.
        ReweighError: if the disk refuses.
    """
    check_free(path, overwrite=overwrite)
    make_folder(path.parent)
    write_bytes(path, "".join(f"{_BREAKS.sub(' ', str(line))}\n" for line in lines).encode())


def cell(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    if not text.lstrip(" ").startswith(_FORMULA) or _NUMBER.fullmatch(text):
        return text
    return f"'{text}"


def _csv(columns: Mapping[str, Any]) -> bytes:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow([cell(name) for name in columns])
    writer.writerows(_rows(columns))
    return buffer.getvalue().encode()


def _rows(columns: Mapping[str, Any]) -> Iterator[list[str]]:
    lists = [values if isinstance(values, list) else _listed(values) for values in columns.values()]
    for row in zip(*lists, strict=True):
        yield [_written(value) for value in row]


def _listed(values: Any) -> list[Any]:
    found: list[Any] = values.to_pylist() if hasattr(values, "to_pylist") else values.tolist()
    return found


def _written(value: Any) -> str:
    if isinstance(value, str):
        return cell(value)
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.7g}"
    return "" if value is None else str(value)


def _parquet(columns: Mapping[str, Any]) -> memoryview:
    arrays = {
        name: values if hasattr(values, "to_pylist") else pa.array(values, from_pandas=True)
        for name, values in columns.items()
    }
    sink = pa.BufferOutputStream()
    parquet.write_table(pa.table(arrays), sink)
    return memoryview(sink.getvalue())
