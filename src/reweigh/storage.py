"""Files that appear whole or not at all, and files that are read whole and are files.

A job may be killed at any instant. So a file is written beside its place under a temporary name, flushed to the disk, and
then renamed over the old one, which the file system does in one stroke: a reader sees the old file or the new one,
never half of either.

A folder may come from a stranger. Nothing is written through a link that lies in the way, and what is read is a plain file
no larger than it may be: no pipe that never ends, no device, no link that leads elsewhere.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from reweigh.errors import BadInput, ReweighError

_NO_LINK = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_NO_WAIT = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def write_bytes(path: Path, content: bytes | memoryview, before_renaming: Callable[[], None] = lambda: None) -> None:
    """Put `content` at `path`, whole or not at all, surviving a kill and a power cut.

    `before_renaming` is called once all of it is on the disk, before it gets its name.

    Raises:
        ReweighError: if the disk refuses, naming the path and what to do.
    """
    part = part_of(path)
    try:
        part.unlink(missing_ok=True)  # what a killed process left; a link there is not followed
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_LINK, 0o666), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        before_renaming()
        os.replace(part, path)
        _sync_folder(path.parent)
    except OSError as refused:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise cannot_write(path, refused) from refused
    except ReweighError:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise


@contextmanager
def appearing(path: Path) -> Iterator[Path]:
    """A temporary place for a file that is written piece by piece; it gets its name at the end of the block, flushed
    to the disk.

    Raises:
        ReweighError: if the disk refuses.
    """
    part = part_of(path)
    try:
        part.unlink(missing_ok=True)
        yield part
        with part.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(part, path)
        _sync_folder(path.parent)
    except OSError as refused:
        if refused.filename not in (None, str(part)):  # of another file, which is read meanwhile
            raise
        raise cannot_write(path, refused) from refused
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def read_plain(path: Path, largest: int | None = None, within: Path | None = None) -> bytes:
    """The content of a plain file of at most `largest` bytes, which really lies below `within`.

    Raises:
        BadInput: if there is none, it is something else, too large, a link that leads out, or may not be read.
    """
    try:
        if within is not None and not _lies_below(path, within):
            raise BadInput(f"{path} is a link that leads out of {within}: put the file itself there")
        with open(path, "rb", opener=_opened) as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise BadInput(f"{path} cannot be read: it is no plain file, put a good copy back")
            if found.st_size > (_memory() if largest is None else largest):
                raise BadInput(
                    f"{path} cannot be read: it has {found.st_size:,} bytes, too many for a file of its kind"
                )
            return file.read()
    except ReweighError:
        raise
    except IsADirectoryError as folder:
        raise BadInput(f"{path} cannot be read: it is a folder where a file is expected, name the file") from folder
    except FileNotFoundError as missing:
        raise BadInput(f"{path} does not exist: put it back, or name the right folder") from missing
    except (OSError, ValueError) as refused:
        reason = (getattr(refused, "strerror", None) or str(refused)).lower()
        raise BadInput(f"{path} cannot be read: {reason}, check the file and its permissions") from refused


def _opened(path: str, flags: int) -> int:
    return os.open(path, flags | _NO_WAIT)


def _lies_below(path: Path, folder: Path) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def _memory() -> int:
    """Bytes of memory in this machine: a file that claims more, as one with holes may, is not begun with."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # not on this system
        return 1 << 40


def home(path: Path | str) -> Path:
    """A path whose `~` the shell did not expand, as in `--output=~/runs`; what is there under that very name is meant."""
    return Path(path) if os.path.lexists(path) else Path(os.path.expanduser(path))


def part_of(path: Path) -> Path:
    """The temporary name under which `path` is written."""
    return path.with_name(f".{path.name}.part")


def make_folder(path: Path) -> None:
    """Make a folder and those above it, or say why not.

    Raises:
        ReweighError: naming the path and what to do.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as refused:
        raise cannot_write(path, refused) from refused


def cannot_write(path: Path, refused: OSError) -> ReweighError:
    """The sentence for a disk that refuses."""
    if refused.errno in (errno.ENOSPC, errno.EDQUOT):
        return ReweighError(f"cannot write {path}: the disk is full, make room and run the command again with --resume")
    reason = (refused.strerror or str(refused)).lower()
    return ReweighError(f"cannot write {path}: {reason}, choose a folder that you may write to with --output")


def _sync_folder(folder: Path) -> None:
    """Make the rename itself survive a power cut, where the system can (not on Windows)."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
