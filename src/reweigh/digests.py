"""What a folder's files held when they were written, so that damage and editing are noticed where a file is read.

`SHA256SUMS` has a line for every file that was ever put into the folder: the SHA-256 of its content and its name, as
`sha256sum` writes them. A line is added, and flushed to the disk, before its file gets its name. So at whatever moment the
process is killed, each file that is there has its line; a line whose file was not renamed any more does no harm, since
a file may be as any of its lines says. The first line names the run, so that files of two runs are never taken for one.

This tells damage, editing by hand and files mixed up. It is no signature: who can write the folder can write its lines too.
"""

import hashlib
import os
import re
from pathlib import Path

from reweigh.errors import BadInput
from reweigh.storage import cannot_write, read_plain, write_bytes

NAME = "SHA256SUMS"
_HEAD = re.compile(rb"# reweigh run ([0-9a-f]{64})")
_LINE = re.compile(rb"([0-9a-f]{64})  ([A-Za-z0-9._/-]{1,200})")
_LARGEST = 1 << 28
_APPENDING = os.O_WRONLY | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


def sha256(content: bytes | memoryview) -> str:
    """In hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def check_beside(path: Path, content: bytes) -> None:
    """A file that lies in a run's folder, and is used by itself, is what that run wrote; elsewhere nothing is known of it.

    Raises:
        BadInput: if it is not.
    """
    beside = path.parent / NAME
    if not beside.is_file():
        return
    written = {line[1].decode() for line in map(_LINE.fullmatch, _lines(path.parent, path.name)) if line}
    if written and sha256(content) not in written:
        raise BadInput(
            f"{path} is damaged or was edited: it is not what the run beside it wrote ({NAME}), put a good copy back"
        )


def _lines(folder: Path, name: str) -> list[bytes]:
    ending = b"  " + name.encode("utf-8", "surrogateescape")
    return [line for line in read_plain(folder / NAME, _LARGEST).split(b"\n") if line.endswith(ending)]


class Digests:
    """The digests of the files in `folder` (and below) that belong to the run `run`.

    Args:
        folder: where the files are.
        run: the mark of the run, 64 hexadecimal digits; None for a folder that an earlier version wrote, without digests:
            then nothing is checked.

    Raises:
        BadInput: if the file of digests is damaged or of another run.
    """

    def __init__(self, folder: Path, run: str | None) -> None:
        self.folder, self.run = folder, run
        self._lines: list[tuple[str, str]] = []
        self._whole = 0
        self.read_again()

    def read_again(self) -> None:
        """The lines as they are now: under the lock, before writing into a folder that others may have written to."""
        self._lines, self._whole = [], 0
        if self.run is not None and os.path.lexists(self.folder / NAME):
            self._read(self.run)

    def __contains__(self, name: str) -> bool:
        """Whether the file was ever written, or was about to be."""
        return any(name == known for known, _ in self._lines)

    def holds(self, path: Path, content: bytes | memoryview) -> bool:
        """Whether the run wrote this content into that file."""
        return self.run is None or (self._name(path), sha256(content)) in self._lines

    def read(self, path: Path, largest: int | None = None) -> bytes:
        """The content of a file of the folder, not yet checked: what it says of itself may be said first.

        Raises:
            BadInput: as `storage.read_plain`.
        """
        return read_plain(path, largest, within=self.folder)

    def check(self, path: Path, content: bytes | memoryview) -> None:
        """The content of a file is what the run wrote.

        Raises:
            BadInput: if it is not.
        """
        if not self.holds(path, content):
            raise BadInput(
                f"{path} is damaged or was edited: it is not what the run wrote ({NAME}), put a good copy back, or train "
                "again with --overwrite"
            )

    def intact(self, path: Path) -> bool:
        """Whether the file can be read and is what the run wrote."""
        try:
            return self.holds(path, self.read(path))
        except BadInput:
            return False

    def write(self, path: Path, content: bytes | memoryview) -> None:
        """Put `content` at `path`, whole or not at all, with its line before it.

        Raises:
            ReweighError: if the disk refuses.
        """
        if self.run is None:
            return write_bytes(path, content)
        line = (self._name(path), sha256(content))
        return write_bytes(path, content, before_renaming=lambda: self._add(line))

    def _name(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()

    def _add(self, line: tuple[str, str]) -> None:
        path, name, digest = self.folder / NAME, *line
        if line in self._lines:
            return
        text = ("" if self._lines else f"# reweigh run {self.run}\n") + f"{digest}  {name}\n"
        try:
            descriptor = os.open(path, _APPENDING, 0o666)
            with open(descriptor, "wb") as file:
                file.truncate(self._whole)  # half a line of a killed process
                file.seek(self._whole)
                file.write(text.encode())
                file.flush()
                os.fsync(descriptor)
        except OSError as refused:
            raise cannot_write(path, refused) from refused
        self._whole += len(text)
        self._lines.append(line)

    def _read(self, run: str) -> None:
        path = self.folder / NAME
        content = self.read(path, _LARGEST)
        self._whole = content.rfind(b"\n") + 1  # what follows is half a line of a killed process
        lines = content[: self._whole].splitlines()
        head = _HEAD.fullmatch(lines[0]) if lines else None
        found = [_LINE.fullmatch(line) for line in lines[1:]]
        if lines and (head is None or None in found):
            raise BadInput(f"{path} is damaged: put a good copy back, or train again with --overwrite")
        if head is not None and head[1].decode() != run:
            raise BadInput(
                f"{path} is of another run than the config.json beside it: put back what belongs together, or train again "
                "with --overwrite"
            )
        self._lines = [(line[2].decode(), line[1].decode()) for line in found if line is not None]
