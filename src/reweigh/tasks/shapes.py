"""Few shapes for batches of pairs: widths of both sides, chosen once from how long the pairs are.

A batch is filled up to the first shape that holds it, so that no more shapes come up than these, and a step that was
prepared for one serves all of its batches.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

Shapes = tuple[tuple[int, int], ...]
"""Widths (source, target), the fewest tokens first."""
MOST = 6
ROUND = 8
"""Widths are multiples of it."""
_TRIED, _WORTH = 16, 0.01


def rounded(lengths: Any) -> Any:
    """Lengths as widths."""
    return -(-lengths // ROUND) * ROUND


def shapes_for(lengths: Tensor, counts: Tensor) -> Shapes:
    """At most `MOST` shapes for pairs (n, 2) that are so long, each of which stands for so many, (n,).

    The widest holds all. To it are added, one at a time, the shapes that save most of the tokens that are filled in, as long
    as it is a hundredth of all; of each side's widths up to sixteen are tried.
    """
    pairs, places = np.unique(rounded(lengths.numpy()), axis=0, return_inverse=True)
    many = np.bincount(places.reshape(-1), weights=counts.numpy())
    sides = [_some(np.unique(side)) for side in pairs.T]
    tried = np.stack(np.meshgrid(*sides, indexing="ij"), -1).reshape(-1, 2)
    holds = np.logical_and(*(pairs[:, None, side] <= tried[:, side] for side in range(2)))
    found, tokens = [pairs.max(0)], np.full(len(pairs), pairs.max(0).sum())
    while len(found) < MOST:
        saved = (many[:, None] * np.where(holds, (tokens[:, None] - tried.sum(1)).clip(min=0), 0)).sum(0)
        best = int(saved.argmax())
        if saved[best] <= _WORTH * (tokens * many).sum():
            break
        found.append(tried[best])
        tokens = np.where(holds[:, best], np.minimum(tokens, tried[best].sum()), tokens)
    return tuple(sorted(((int(s), int(t)) for s, t in found), key=lambda shape: (sum(shape), shape)))


def shape_of(lengths: Tensor, shapes: Shapes) -> Tensor:
    """Of pairs (n, 2) the number of the first shape that holds each, (n,) int64; the number of shapes where none does."""
    if not shapes:
        return torch.zeros(len(lengths), dtype=torch.int64)
    holds = (lengths[:, None] <= torch.tensor(shapes)).all(2)
    return torch.where(holds.any(1), holds.int().argmax(1), len(shapes))


def _some(widths: Any) -> Any:
    return widths if len(widths) <= _TRIED else widths[np.linspace(0, len(widths) - 1, _TRIED).round().astype(int)]
