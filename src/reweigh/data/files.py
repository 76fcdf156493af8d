"""What goes wrong when files are fetched and stored, in one sentence each."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import BadInput, ReweighError


class DownloadFailed(ReweighError, OSError):
    """A file could not be fetched or stored; the sentence says why and what to do."""


_REMEDIES = {
    errno.ENOSPC: "the disk is full: make room and run it again, what is there already is kept",
    errno.EDQUOT: "your disk quota is used up: make room and run it again, what is there already is kept",
}


def check_plain(path: Path) -> None:
    """Nothing but a plain file lies at `path`, if anything does: to open a pipe is to wait for ever.

    Raises:
        BadInput: if it is a folder, a pipe, a device or the like.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        raise BadInput(f"{path} cannot be read: it is no plain file, check the file and put it itself there")


def mapped(path: Path) -> np.ndarray[Any, Any]:
    """The array in a .npy file, mapped and not read: a header that claims more than the file holds is found out at once.

    Raises:
        OSError: if it cannot be read.
        ValueError: if it is no such file, or holds Python objects.
    """
    try:
        return np.lib.format.open_memmap(path, mode="r")
    except (TypeError, EOFError, OverflowError, SyntaxError, RecursionError, MemoryError) as wrong:
        raise ValueError(f"{path} has no header that numpy writes") from wrong


@contextmanager
def storing(path: Path) -> Iterator[None]:
    """Turn a failure of the operating system while `path` is written into `DownloadFailed`."""
    try:
        yield
    except ReweighError:
        raise
    except OSError as failed:
        reason = _REMEDIES.get(
            failed.errno or 0,
            f"of this: {failed.strerror or type(failed).__name__}; choose a data root that you may write to",
        )
        raise DownloadFailed(f"{path} cannot be written because {reason}") from failed
