"""How the weights of each class were spread, epoch by epoch, from the ledger."""

import numpy as np

from reweigh.ledger import History
from reweigh.ledger.visits import Array

BINS = ("weight zero", "below half", "half to twice", "above twice")
"""Of the plain weight; the first is exactly zero."""


def weight_shares(history: History, classes: int) -> Array:
    """(E, C, 4): the share of a class's examples in each bin of weights; zeros where a class did not come up."""
    counts = []
    for columns in history:
        weight, label = columns["weight"], columns["given_label"].astype(np.int64)
        inside = (weight > 0).astype(np.int64) + (weight >= 0.5) + (weight > 2)
        counts.append(np.bincount(label * len(BINS) + inside, minlength=classes * len(BINS)))
    table = np.stack(counts).reshape(len(counts), classes, len(BINS)).astype(np.float64)
    shares: Array = table / np.maximum(table.sum(2, keepdims=True), 1)
    return shares
