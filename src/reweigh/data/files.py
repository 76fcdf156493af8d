"""What goes wrong when files are fetched and stored, in one sentence each."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import ReweighError


class DownloadFailed(ReweighError, OSError):
    """A file could not be fetched or stored; the sentence says why and what to do."""


_REMEDIES = {
    errno.ENOSPC: "the disk is full: make room and run it again, what is there already is kept",
    errno.EDQUOT: "your disk quota is used up: make room and run it again, what is there already is kept",
}


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
