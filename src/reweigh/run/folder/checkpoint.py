"""The state between two epochs, and nothing that can be computed again.

Data order, learning rates and augmentation are functions of the seed and the step, so a checkpoint holds only
what was learnt: the model, the optimizer's moments, the reweigher's rule and place in the clean stream, and the
records of the examples. It is read with `weights_only=True`, so that a file from elsewhere cannot run code.
"""

import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any

import torch

from reweigh.errors import BadInput
from reweigh.storage import read_plain, write_bytes

FORMAT = 2
_DIGEST_BYTES = 16


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write `state` (tensors, numbers, strings and containers of them), whole or not at all."""
    write_bytes(path, checkpoint_bytes(state))


def checkpoint_bytes(state: dict[str, Any]) -> bytes:
    """`state` as a file: a digest in front tells a damaged one from a good one before anything is unpacked."""
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, **state}, buffer)
    content = buffer.getbuffer()  # no copy: a state of many examples is large
    return b"".join((_digest(content), content))


def load_checkpoint(path: Path) -> dict[str, Any]:
    """The state that `save_checkpoint` wrote, on the CPU.

    Raises:
        BadInput: if the file is damaged or was not written by this version's format.
    """
    return parse_checkpoint(read_plain(path), path)


def parse_checkpoint(content: bytes, path: Path) -> dict[str, Any]:
    """The same from the file's content; `path` names it.

    Raises:
        BadInput: as `load_checkpoint`.
    """
    digest, content = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
    if digest != _digest(content):
        raise BadInput(f"{path} is damaged: put a good copy back, or start again with --overwrite")
    try:
        _check_sizes(content)
        state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as broken:  # the restricted reader raises whatever bytes lead it to
        raise BadInput(f"{path} is not a checkpoint of reweigh: start again with --overwrite") from broken
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise BadInput(f"{path} was written by another version of reweigh: start again with --overwrite")
    return state


def _check_sizes(content: bytes) -> None:
    """The archive holds what it says that it does, uncompressed: no small file becomes a large one."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = archive.infolist()
    if sum(entry.file_size for entry in entries) > len(content) or any(entry.compress_type for entry in entries):
        raise ValueError("sizes that cannot be")


def _digest(content: bytes | memoryview) -> bytes:
    return hashlib.blake2b(content, digest_size=_DIGEST_BYTES).digest()
