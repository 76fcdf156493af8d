"""Files of this process's own on the disk, for what is larger than memory; they go when nobody needs them any more.

They lie below the user's cache folder (or TMPDIR, where that is set), not in /tmp, which is memory on many systems. What a
killed process left is taken away by the next one on the same machine.
"""

import os
import re
import shutil
import socket
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import ReweighError, require
from ..storage import make_folder

IN_MEMORY = "REWEIGH_IN_MEMORY"
"""The environment's variable for `in_memory`."""

_USUAL = 256 << 20
_NAME = re.compile(r"scratch-(.+)-(\d+)-\w+")


def in_memory() -> int:
    """Bytes of one table, or of one array made of it, that are held in memory; what is larger lies on the disk."""
    said = os.environ.get(IN_MEMORY, "")
    return int(said) if said.isdecimal() else _USUAL


class Scratch:
    """A folder that is there as long as this object is.

    Raises:
        ReweighError: if none can be made.
    """

    def __init__(self) -> None:
        root = Path(os.environ.get("TMPDIR") or require("platformdirs", "cli").user_cache_path("reweigh"))
        make_folder(root)
        _clear(root)
        with room(root):
            self.path = Path(tempfile.mkdtemp(prefix=f"scratch-{_host()}-{os.getpid()}-", dir=root))
        weakref.finalize(self, _remove, self.path, os.getpid())

    def __truediv__(self, name: str) -> Path:
        return self.path / name


@contextmanager
def room(path: Path) -> Iterator[None]:
    """A disk that refuses is a sentence.

    Raises:
        ReweighError: naming the folder, and how to choose another.
    """
    try:
        yield
    except OSError as refused:
        raise ReweighError(
            f"data larger than memory are kept below {path} while they are used, and that cannot be written "
            f"({(refused.strerror or str(refused)).lower()}): make room, or name another folder by TMPDIR"
        ) from refused


def _remove(path: Path, process: int) -> None:
    if os.getpid() == process:  # a worker that was forked does not own it
        shutil.rmtree(path, ignore_errors=True)


def _host() -> str:
    return re.sub(r"\W", "", socket.gethostname())


def _clear(root: Path) -> None:
    for left in root.glob(f"scratch-{_host()}-*"):
        found = _NAME.fullmatch(left.name)
        if found and not _alive(int(found[2])):
            shutil.rmtree(left, ignore_errors=True)


def _alive(process: int) -> bool:
    if os.name != "posix":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
