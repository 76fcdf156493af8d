"""Files that appear whole or not at all.

A job may be killed at any instant. So a file is written beside its place under a temporary name, flushed to the disk, and
then renamed over the old one, which the file system does in one stroke: a reader sees the old file or the new one,
never half of either.
"""

import errno
import os
from contextlib import suppress
from pathlib import Path

from reweigh.errors import ReweighError


def write_bytes(path: Path, content: bytes | memoryview) -> None:
    """Put `content` at `path`, whole or not at all, surviving a kill and a power cut.

    Raises:
        ReweighError: if the disk refuses, naming the path and what to do.
    """
    part = part_of(path)
    try:
        with open(part, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
        _sync_folder(path.parent)
    except OSError as refused:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise cannot_write(path, refused) from refused


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
