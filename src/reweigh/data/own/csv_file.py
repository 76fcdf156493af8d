"""A CSV file, read in blocks as text.

Types that a reader guesses from the first block fail on the millionth row, so every cell comes as text and
what it means is decided elsewhere, from all rows. The delimiter is found from the first lines; the text is UTF-8, or UTF-16
where the file starts with its mark. Whatever does not fit is one sentence with the row or the byte.
"""

import codecs
import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from ...errors import BadInput, require
from .words import shown

DELIMITERS = ",\t;|"
BLOCK = 8 << 20  # bytes read at a time; a row may not be longer
_HEAD = 64 << 10


class CsvFile:
    """The table at `path`: its column `names`, and its rows, as often as they are asked for.

    Raises:
        BadInput: the file is empty, is not text, or names two columns alike.
    """

    def __init__(self, path: Path) -> None:
        """Read the first lines and find delimiter, encoding and names."""
        self.path = path
        head = self._head()
        self.encoding = _encoding(head)
        text = _decoded(path, head, self.encoding)
        if not text.strip():
            raise BadInput(f"{path} is empty: give a table with a line of column names and a row an example")
        self.delimiter = "\t" if ".tsv" in path.suffixes else sniff(text)
        self._header = next(row for row in csv.reader(io.StringIO(text), delimiter=self.delimiter) if row)
        self.names = column_names(self._header, path)

    def batches(self) -> Iterator[Any]:
        """The rows as `pyarrow.RecordBatch`es of strings, in order."""
        pa, arrow_csv = require("pyarrow", "cli"), require("pyarrow.csv", "cli")
        reading = arrow_csv.ReadOptions(block_size=BLOCK, encoding=self.encoding)
        parsing = arrow_csv.ParseOptions(delimiter=self.delimiter, newlines_in_values=True)
        texts = arrow_csv.ConvertOptions(
            column_types={name: pa.string() for name in self._header}, strings_can_be_null=False
        )
        try:
            with pa.input_stream(str(self.path)) as stream, arrow_csv.open_csv(stream, reading, parsing, texts) as rows:
                for batch in rows:
                    yield batch.rename_columns(self.names)
        except (pa.ArrowInvalid, UnicodeError, OSError, zlib.error) as refused:
            raise self._explained(refused) from refused

    def _head(self) -> bytes:
        try:
            if self.path.suffix == ".gz":
                with gzip.open(self.path) as file:
                    return file.read(_HEAD)
            with open(self.path, "rb") as plain:
                return plain.read(_HEAD)
        except (OSError, EOFError, zlib.error) as refused:
            raise unreadable(self.path, refused) from refused

    def _explained(self, refused: Exception) -> BadInput:
        said = str(refused)
        if "UTF8" in said or "UTF-8" in said or isinstance(refused, UnicodeError):
            return _undecodable(self.path, self.encoding)
        if "columns, got" in said:
            return self._ragged()
        if "straddl" in said:
            return BadInput(
                f"a row of {self.path} is longer than {BLOCK >> 20} MiB: look for a quotation mark that is never closed, "
                "or shorten the text"
            )
        return unreadable(self.path, refused)

    def _ragged(self) -> BadInput:
        """Find the row with a field too many or too few, line by line; only on the way to an error."""
        width, remedy = len(self._header), f"quote fields that hold {shown(self.delimiter)}, or mend the row"
        with self._text() as lines:
            rows, line = csv.reader(lines, delimiter=self.delimiter), 1
            try:
                for row in rows:
                    if row and len(row) != width:
                        break
                    line = rows.line_num + 1
            except csv.Error:
                row, remedy = [""], "look for a quotation mark that is never closed"
        return BadInput(f"line {line} of {self.path} has {len(row)} fields where the first line has {width}: {remedy}")

    def _text(self) -> TextIO:
        encoding = "utf-8-sig" if self.encoding == "utf8" else self.encoding
        if self.path.suffix == ".gz":
            return gzip.open(self.path, "rt", encoding=encoding, newline="")
        return open(self.path, encoding=encoding, newline="")


def sniff(text: str) -> str:
    """The delimiter with which the first lines of `text` fall into the most columns, the same number in each."""
    lines = text[: text.rfind("\n") + 1] or text

    def score(delimiter: str) -> tuple[float, int]:
        try:
            widths = [len(row) for row in csv.reader(io.StringIO(lines), delimiter=delimiter) if row][:200]
        except csv.Error:
            return 0.0, 0
        if not widths or widths[0] == 1:
            return 0.0, 0
        return sum(width == widths[0] for width in widths) / len(widths), widths[0]

    return max(DELIMITERS, key=score)


def column_names(header: list[str], path: Path) -> list[str]:
    """Trimmed names, one a column; a nameless first column, as pandas writes one for its index, is "column 0"."""
    names = [name.strip() or f"column {place}" for place, name in enumerate(header)]
    twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if twice is not None:
        raise BadInput(f"{path} has two columns named {shown(twice)}: give every column a name of its own")
    return names


def unreadable(path: Path, refused: BaseException) -> BadInput:
    """The sentence for a file that the system or a library will not read."""
    reason = getattr(refused, "strerror", None) or " ".join(str(refused).split()).rstrip(".") or type(refused).__name__
    short = reason.replace(". ", ", ")[:160]
    return BadInput(f"{path} cannot be read ({short}): check that the file is whole and that you may read it")


def _encoding(head: bytes) -> str:
    return "utf-16" if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf8"


def _decoded(path: Path, head: bytes, encoding: str) -> str:
    decoder = codecs.getincrementaldecoder("utf-8-sig" if encoding == "utf8" else encoding)()
    try:
        text = decoder.decode(head)
    except UnicodeError as wrong:
        raise _undecodable(path, encoding) from wrong
    if "\0" in text:
        raise BadInput(
            f"{path} is not a text file (it holds zero bytes): give a CSV file in UTF-8, or name it .parquet"
        )
    return text


def _undecodable(path: Path, encoding: str) -> BadInput:
    """Look for the first byte that is not of this encoding; read in blocks, since the file may be large."""
    decoder, line, before = codecs.getincrementaldecoder(encoding)(), 1, 0
    with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as file:
        while block := file.read(1 << 20):
            try:
                line += decoder.decode(block).count("\n")
            except UnicodeDecodeError as wrong:
                held = len(wrong.object) - len(block)  # bytes of a character that began in the block before
                line += wrong.object[: wrong.start].count(b"\n")
                where = f"byte {before - held + wrong.start} (0x{wrong.object[wrong.start]:02x}) in line {line}"
                break
            before += len(block)
        else:
            where = "its end"
    name = "UTF-16" if encoding == "utf-16" else "UTF-8"
    return BadInput(f"{path} is not {name} throughout, {where} is no part of a character: save the file as UTF-8")
