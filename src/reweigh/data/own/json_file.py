"""A file of JSON lines as columns of plain types: an object a line, its keys the names of columns.

What a key holds is found from all lines: a key may come first in the last one, and words may stand among numbers. A column
of numbers, truth values or texts throughout has that type, as in a Parquet file; where kinds are mixed it is text as it
stands, as in a CSV file. A line that lacks a key has nothing in that column. Arrow reads the lines; where it refuses
some, Python's `json` goes through these, to read what is mixed and to name the line that is wrong.
"""

import codecs
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import BadInput, require
from ...words import shown
from .csv_file import column_names
from .held import HeldTable
from .json_lines import Kinds, cells_of, kinds_of, may_be_deep, objects_in
from .text_file import DAMAGED, TextFile, unreadable

BLOCK = 8 << 20
"""Bytes read at a time."""

LONGEST = 256 << 20
"""Bytes of a line that are believed."""


class JsonFile(HeldTable):
    """The table at `path`: its column `names`, and its rows, as often as they are asked for.

    Raises:
        BadInput: the file is empty, is not text, or a line of it is no object or has a key twice.
    """

    def __init__(self, path: Path) -> None:
        """Look at every line, and find names and types."""
        self.path, self.notes, self.text = path, list[str](), TextFile(path)
        self._kinds = Kinds()
        for first, lines in self._blocks():
            self._kinds.add(self._kinds_of(lines, first))
        if not self._kinds:
            raise BadInput(f"{path} has no object with a key: give an object a line, its keys the names of columns")
        self.keys = list(self._kinds)
        self.names = column_names(self.keys, path)
        mixed = [name for name, stored in zip(self.names, self.keys, strict=True) if self._kinds.mixed(stored)]
        self.notes += [f"column {shown(n)} of {path} holds values of several types, read as they stand" for n in mixed]

    def batches(self) -> Iterator[Any]:
        """The rows as `pyarrow.RecordBatch`es, in order; a column has the same type in all."""
        for first, lines in self._blocks():
            for batch in self._table_of(lines, first).combine_chunks().to_batches():
                yield batch.rename_columns(self.names)

    def lines(self) -> npt.NDArray[np.int64]:
        """(N,) the line of each example, from 1; blank ones count."""
        found = [
            first + place
            for first, block in self._blocks()
            for place, line in enumerate(block.split(b"\n"))
            if line.strip()
        ]
        return np.array(found, dtype=np.int64)

    def _schema(self) -> Any:
        return self._named(self.names)

    def _named(self, names: Sequence[str]) -> Any:
        """The final types, under these names."""
        pa = require("pyarrow", "cli")
        return pa.schema([(name, self._kinds.type(stored)) for name, stored in zip(names, self.keys, strict=True)])

    def _kinds_of(self, lines: bytes, first: int) -> Kinds:
        pa = require("pyarrow", "cli")
        try:
            return Kinds.of_table(_parsed(lines, None))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            return kinds_of(objects_in(lines, first, self.path))

    def _table_of(self, lines: bytes, first: int) -> Any:
        """The lines as a table of the final types; as `json` reads them where Arrow cannot."""
        pa, schema = require("pyarrow", "cli"), self._named(self.keys)
        if not any(self._kinds.by_hand(name) for name in self.keys):
            plain = pa.schema([field for field in schema if not pa.types.is_binary(field.type)])
            try:
                return _with_nested(_parsed(lines, plain), schema)
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
                pass
        rows = [found for _, found in objects_in(lines, first, self.path)]
        return pa.table([cells_of(rows, f.name, f.type, self.path, first) for f in schema], schema=schema)

    def _blocks(self) -> Iterator[tuple[int, bytes]]:
        """The number of the first line, from 1, and some whole lines that are not all blank; in UTF-8, without a mark."""
        left, line = b"", 1
        for block in self._bytes():
            whole, end, rest = (left + block).rpartition(b"\n")
            if len(rest) > LONGEST:
                raise BadInput(
                    f"line {line} of {self.path} is longer than {LONGEST >> 20} MiB: put an object on each line"
                )
            left = rest
            if (whole + end).strip():
                yield line, whole + end
            line += whole.count(b"\n") + len(end)
        if left.strip():
            yield line, left

    def _bytes(self) -> Iterator[bytes]:
        decoder = codecs.getincrementaldecoder(self.text.codec)()
        try:
            with self.text.opened() as file:
                while block := file.read(BLOCK):
                    yield decoder.decode(block).encode()
                yield decoder.decode(b"", final=True).encode()
        except DAMAGED as refused:
            raise unreadable(self.path, refused) from refused


def _parsed(lines: bytes, schema: Any) -> Any:
    pa, arrow_json = require("pyarrow", "cli"), require("pyarrow.json", "cli")
    if may_be_deep(lines):
        raise pa.ArrowInvalid("it would follow any depth, and end the process")
    options = arrow_json.ReadOptions(block_size=len(lines) + 1, use_threads=False)
    parsing = arrow_json.ParseOptions(explicit_schema=schema)
    return arrow_json.read_json(pa.BufferReader(lines), options, parsing)


def _with_nested(table: Any, schema: Any) -> Any:
    """The table with a column for each name of the schema; objects and lists become bytes."""
    pa, compute = require("pyarrow", "cli"), require("pyarrow.compute", "cli")
    columns = []
    for field in schema:
        if not pa.types.is_binary(field.type):
            columns.append(table.column(field.name))
        elif field.name in table.column_names:
            there = table.column(field.name).is_valid()
            columns.append(compute.if_else(there, pa.scalar(b""), pa.scalar(None, pa.binary())))
        else:
            columns.append(pa.nulls(len(table), pa.binary()))
    return pa.table(columns, schema=schema)
