"""The bytes of a text file and what they spell, block by block: plain or gzip, UTF-8 or UTF-16.

A byte that is no part of a character, or a zero byte, is found before a parser sees it, wherever it stands: a parser
would keep it in a cell without a word.
"""

import codecs
import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, TextIO

from ...errors import BadInput

HEAD, MOST_HEAD = 64 << 10, 8 << 20
"""Bytes from which delimiter, names and encoding are found: more where three lines are longer."""

MOST_UNPACKED = 64 << 20
MOST_RATIO = 200
"""A .gz file that unpacks into more than both says is refused: a few kilobytes can unpack into gigabytes."""

_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

DAMAGED = (OSError, EOFError, zlib.error)
"""What reading a file, or unpacking it, raises."""


class TextFile:
    """The text at `path`; `head` is its beginning, `whole` whether that is all, `quotes` whether it has quotation marks.

    Raises:
        BadInput: the file cannot be read, holds a zero byte, or is not of one encoding throughout.
    """

    def __init__(self, path: Path) -> None:
        """Look at every byte once."""
        self.path, self.quotes, self.encoding = path, False, "utf-8"
        try:
            head = self._head()
            if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                self.encoding = "utf-16"
            self._check()
            self.head = codecs.getincrementaldecoder(self.codec)().decode(head)
            self.whole = len(head) < HEAD
        except DAMAGED as refused:
            raise unreadable(path, refused) from refused

    def _head(self) -> bytes:
        """The first bytes, and with them the first lines, however long they are."""
        with self.opened() as file:
            head = file.read(HEAD)
            while head.count(b"\n") + head.count(b"\r") < 3 and len(head) < MOST_HEAD and (more := file.read(HEAD)):
                head += more
        return head

    @property
    def codec(self) -> str:
        """The codec that leaves out the mark at the beginning."""
        return "utf-8-sig" if self.encoding == "utf-8" else self.encoding

    def opened(self) -> BinaryIO:
        """The bytes, unpacked."""
        return gzip.open(self.path) if self.path.suffix == ".gz" else open(self.path, "rb")  # type: ignore[return-value]

    def lines(self, newline: str | None = None) -> TextIO:
        """The text; "\\r", "\\n" and "\\r\\n" all end a line, and stay as they are where `newline` is ""."""
        if self.path.suffix == ".gz":
            return gzip.open(self.path, "rt", encoding=self.codec, newline=newline)
        return open(self.path, encoding=self.codec, newline=newline)

    @property
    def mark(self) -> bytes:
        """The mark at the beginning, where there is one."""
        with self.opened() as file:
            head = file.read(3)
        return next((mark for mark in _MARKS if head.startswith(mark)), b"")

    def _blocks(self) -> Iterator[bytes]:
        size, done = max(self.path.stat().st_size, 1), 0
        with self.opened() as file:
            while block := file.read(1 << 20):
                done += len(block)
                if done > MOST_UNPACKED and done > MOST_RATIO * size:
                    raise BadInput(
                        f"{self.path} unpacks into more than {MOST_RATIO} times its size: unpack it first if that is meant"
                    )
                yield block

    def _check(self) -> None:
        decoder, before = codecs.getincrementaldecoder(self.encoding)(), 0
        for block in self._blocks():
            try:
                text = decoder.decode(block)
            except UnicodeDecodeError as wrong:
                held = len(wrong.object) - len(block)  # bytes of a character that began in the block before
                place = before - held + wrong.start
                found = f"byte {place} (0x{wrong.object[wrong.start]:02x}) in line {self._line_at(place)}"
                raise self._undecodable(found) from wrong
            zero = text.find("\0")
            if zero >= 0:
                line = self._line_at(before + len(text[:zero].encode(self.encoding)))
                raise BadInput(
                    f"{self.path} is not a text file (it holds a zero byte in line {line}): give a CSV file in UTF-8, or "
                    "name it .parquet"
                )
            self.quotes = self.quotes or '"' in text
            before += len(block)
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as wrong:
            raise self._undecodable("its end") from wrong

    def _line_at(self, place: int) -> int:
        """The line of a byte, from 1; "\\r", "\\n" and "\\r\\n" all end a line."""
        line, last, left = 1, "", place
        decoder = codecs.getincrementaldecoder(self.encoding)("ignore")
        with self.opened() as file:
            while left > 0 and (block := file.read(min(left, 1 << 20))):
                left -= len(block)
                text = decoder.decode(block)
                line += text.count("\n") + text.count("\r") - (last + text).count("\r\n")
                last = text[-1:]
        return line

    def _undecodable(self, where: str) -> BadInput:
        name = "UTF-16" if self.encoding == "utf-16" else "UTF-8"
        return BadInput(
            f"{self.path} is not {name} throughout, {where} is no part of a character: save the file as UTF-8"
        )


def unreadable(path: Path, refused: BaseException) -> BadInput:
    """The sentence for a file that the system or a library will not read."""
    reason = getattr(refused, "strerror", None) or " ".join(str(refused).split()).rstrip(".") or type(refused).__name__
    short = reason.replace(". ", ", ")[:160]
    return BadInput(f"{path} cannot be read ({short}): check that the file is whole and that you may read it")
