"""The state between two epochs, and nothing that can be computed again.

Data order, learning rates and augmentation are functions of the seed and the step, so a checkpoint holds only
what was learnt: the model, the optimizer's moments, the reweigher's rule and place in the clean stream, and the
records of the examples. It is read with `weights_only=True`, so that a file from elsewhere cannot run code.
"""

import hashlib
import io
import pickle
from pathlib import Path
from typing import Any

import torch

from reweigh.errors import BadInput
from reweigh.storage import write_bytes

FORMAT = 1
_DIGEST_BYTES = 16


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write `state` (tensors, numbers, strings and containers of them), whole or not at all.

    A digest in front tells a damaged file from a good one before anything is unpacked.
    """
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, **state}, buffer)
    content = buffer.getvalue()
    write_bytes(path, _digest(content) + content)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """The state that `save_checkpoint` wrote, on the CPU.

    Raises:
        BadInput: if the file is damaged or was not written by this version's format.
    """
    try:
        content = path.read_bytes()
    except OSError as refused:
        raise BadInput(f"{path} cannot be read: {refused.strerror or refused}") from refused
    digest, content = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
    if digest != _digest(content):
        raise BadInput(f"{path} is damaged: put a good copy back, or start again with --overwrite")
    try:
        state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as broken:
        raise BadInput(f"{path} is not a checkpoint of reweigh: start again with --overwrite") from broken
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise BadInput(f"{path} was written by another version of reweigh: start again with --overwrite")
    return state


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_DIGEST_BYTES).digest()
