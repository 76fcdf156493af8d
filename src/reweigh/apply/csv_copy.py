"""A CSV file written again: every byte as it was but the cells that change and the rows that go."""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from reweigh.apply.edits import Edits
from reweigh.data.own.csv_file import CsvFile
from reweigh.data.own.csv_rows import with_cells
from reweigh.data.own.text_file import TextFile
from reweigh.errors import BadInput
from reweigh.words import shown


def copy_csv(file: CsvFile, target: Path, edits: Edits) -> None:
    """Write the opened file to `target`, with its mark, encoding, delimiter, quotation marks and ends of lines.

    Raises:
        BadInput: if a new cell cannot stand in such a file.
    """
    places = [file.names.index(name) for name in edits.targets]
    with written_as(file.text, target) as out:
        row = -2
        for line in file.rows_as_written():
            row += bool(line.fields)  # the names are row -1
            text = line.text
            if line.fields and row >= 0:
                if not edits.kept[row]:
                    continue
                if row in edits.cells:
                    text = _edited(line, dict(zip(places, edits.cells[row], strict=True)), file)
            out(text)


def _edited(line: Any, cells: dict[int, Any], file: CsvFile) -> str:
    try:
        return with_cells(line, {place: str(cell) for place, cell in cells.items()}, file.dialect)
    except ValueError as impossible:
        raise BadInput(
            f"the label {shown(impossible)} cannot stand in {file.path}, which quotes no cells: give one without tabs and "
            "line breaks"
        ) from impossible


@contextmanager
def written_as(text: TextFile, target: Path) -> Iterator[Any]:
    """A function that writes texts to `target` in the encoding of a file, its mark first, packed where that is."""
    codec, mark = text.encoding, text.mark
    if codec == "utf-16":
        codec = "utf-16-le" if mark == b"\xff\xfe" else "utf-16-be"
    with _opened(target) as out:
        out.write(mark)
        yield lambda piece: out.write(piece.encode(codec))


@contextmanager
def _opened(target: Path) -> Iterator[BinaryIO]:
    with target.open("wb") as plain:
        if target.suffix != ".gz":
            yield plain
            return
        with gzip.GzipFile(filename="", fileobj=plain, mode="wb", mtime=0) as packed:
            yield packed  # type: ignore[misc]
