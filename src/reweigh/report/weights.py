"""How the weights of each class were spread, epoch by epoch, from the ledger."""

import numpy as np

from reweigh.ledger import History
from reweigh.ledger.visits import Array

BINS = ("weight zero", "below half", "half to twice", "above twice")
"""Of the plain weight; the first is exactly zero."""


def weight_shares(history: History, ids: Array, given: Array, count: int) -> Array:
    """(E, C, 4): the share of a group's examples in each bin of weights; zeros where a group did not come up.

    `ids` (N,) are the examples' and `given` their groups: numbers (N,), or which of them (N, C) bool. Others are left out.
    """
    order = np.argsort(ids)
    counts = []
    for columns in history:
        rows = order[np.minimum(np.searchsorted(ids[order], columns["id"]), len(ids) - 1)]
        ours = ids[rows] == columns["id"]
        counts.append(_counts(columns["weight"][ours], given[rows[ours]], count))
    table = np.stack(counts).astype(np.float64)
    shares: Array = table / np.maximum(table.sum(2, keepdims=True), 1)
    return shares


def _counts(weight: Array, given: Array, count: int) -> Array:
    inside = (weight > 0).astype(np.int64) + (weight >= 0.5) + (weight > 2)
    if given.ndim > 1:
        return np.stack([np.bincount(inside[members], minlength=len(BINS)) for members in given.T])
    return np.bincount(given * len(BINS) + inside, minlength=count * len(BINS)).reshape(count, len(BINS))
