"""Where examples stand: the file of each, and its line as a spreadsheet counts them."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .image_files import find_images
from .parquet_file import ParquetFile
from .paths import existing, kind_at, open_table

IntArray = npt.NDArray[np.int64]


class Places(NamedTuple):
    """Of the N rows of a training file: its `files`, which of them each row is `in_file` (N,), and its line (N,) or None."""

    files: list[str]
    in_file: IntArray
    lines: IntArray | None

    def columns(self, rows: IntArray) -> dict[str, Any]:
        """`file`, and `line` where there are lines, of some rows (n,)."""
        named: dict[str, Any] = {"file": np.array(self.files, dtype=object)[self.in_file[rows]].tolist()}
        return named if self.lines is None else {**named, "line": self.lines[rows]}


def places_in(path: str) -> Places | None:
    """Those of the training file or folder at `path`, in the order of its row numbers; None of arrays, which have no lines.

    Raises:
        BadInput: nothing that can be read is there.
    """
    place, kind = existing(path), kind_at(path)
    if kind == "images":
        files = [str(Path(path) / name) for name in find_images(place, labelled=True).names]
        return Places(files, np.arange(len(files)), None)
    if kind == "arrays":
        return None
    table = open_table(path)
    lines = table.lines()
    files = [str(part) for part in table.parts] if isinstance(table, ParquetFile) else [path]
    sizes = table.sizes if isinstance(table, ParquetFile) else [len(lines)]
    return Places(files, np.repeat(np.arange(len(files)), sizes), lines)
