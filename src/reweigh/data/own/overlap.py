"""Examples that stand in two parts at once.

A clean file is often a part of the training file that somebody went over. Then the training file holds the same examples
with labels that may be wrong, and what is held back for testing would be trained on. So a training example that is in the
clean or the test part is left out of training. Examples are the same if the id column says so; without one, if their
inputs are the same to the last bit. Tables have rows that are alike by chance, so there each clean row takes one
training row at most; images and texts that are alike are the same, and so are pairs of texts with the same source.
"""

import numpy as np
import numpy.typing as npt
import torch

from .checked import places
from .rows import Rows

IntArray = npt.NDArray[np.int64]
ALIKE_ARE_SAME = ("images", "text", "pairs")
"""Kinds of data in which examples do not have the same inputs by chance."""
_BLOCK = 65_536


def shared(rows: Rows, other: Rows, kind: str) -> IntArray:
    """(N,) which row of `other` each example of `rows` is; -1 where it is not there."""
    by_name = rows.keys is not None and other.keys is not None and kind != "images"
    if by_name:
        return places(rows.keys, other.keys)
    return _alike(rows, other, every=kind in ALIKE_ARE_SAME)


def _alike(rows: Rows, other: Rows, every: bool) -> IntArray:
    """By inputs: digests first, then the inputs themselves, so that no collision takes an example away."""
    found = np.full(len(rows), -1, dtype=np.int64)
    wanted: dict[int, list[int]] = {}
    for place, digest in enumerate(_digests(other).tolist()):
        wanted.setdefault(digest, []).append(place)
    digests = _digests(rows)
    for row in np.flatnonzero(np.isin(digests, list(wanted))).tolist():
        candidates = wanted[int(digests[row])]
        match = next((place for place in candidates if torch.equal(rows.x[row], other.x[place])), None)
        if match is None:
            continue
        found[row] = match
        if not every:
            candidates.remove(match)
    return found


def _digests(rows: Rows) -> npt.NDArray[np.uint64]:
    """(N,) one number for each example's bytes: a random linear combination modulo 2^64."""
    found = np.empty(len(rows), dtype=np.uint64)
    size = rows.x[:1].numel() * rows.x[:1].element_size()
    factors = np.random.default_rng(0).integers(1, 2**63, size=size, dtype=np.uint64) | np.uint64(1)
    step = max(1, min(_BLOCK, (64 << 20) // (8 * max(size, 1))))
    for start in range(0, len(rows), step):
        block = rows.x[start : start + step].contiguous().numpy()
        found[start : start + step] = block.reshape(len(block), -1).view(np.uint8) @ factors
    return found
