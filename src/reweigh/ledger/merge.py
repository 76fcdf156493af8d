"""From visits to one row an example: an example that came up twice in an epoch has one row, with the means of both.

Distributed samplers pad the last batch with examples that were there before, and weighted sampling draws some examples
often: both are visits like any other, counted and averaged.
"""

import numpy as np

from reweigh.errors import NonFinite
from reweigh.ledger.visits import Array, Visits

Columns = dict[str, Array | None]


def merged(visits: Visits) -> Columns:
    """One row an example, ascending by id: (N,) each.

    Returns:
        `id` int64; `visits` and `zeros` int32, how often it was seen and how often with weight zero; `weight`,
        `alignment` and `loss` float32, means over its visits (NaN where not known); `given_label`, of its first visit.

    Raises:
        NonFinite: if a weight is NaN or infinite, naming ids.
    """
    order = np.argsort(visits.ids, kind="stable")
    ids, weights = visits.ids[order], visits.weights[order]
    _check_finite(ids, weights)
    starts = np.concatenate([[0], np.flatnonzero(ids[1:] != ids[:-1]) + 1])
    counts = np.diff(np.append(starts, len(ids)))
    zeros = (weights == 0).astype(np.int32)
    return {
        "id": ids[starts],
        "visits": counts.astype(np.int32),
        "zeros": zeros if len(starts) == len(ids) else np.add.reduceat(zeros, starts),
        "weight": _means(weights, starts),
        "alignment": _means(visits.alignments[order], starts),
        "loss": _means(visits.losses[order], starts),
        "given_label": None if visits.labels is None else visits.labels[order][starts],
    }


def no_rows() -> Columns:
    """An epoch in which nothing was noted."""
    kinds = {"id": np.int64, "visits": np.int32, "zeros": np.int32}
    floats = dict.fromkeys(("weight", "alignment", "loss"), np.float32)
    return {**{name: np.empty(0, kind) for name, kind in (kinds | floats).items()}, "given_label": None}


def _means(values: Array, starts: Array) -> Array:
    """Means of the groups that begin at `starts`, over what is not NaN."""
    if len(starts) == len(values):
        return values
    known = ~np.isnan(values)
    sums = np.add.reduceat(np.where(known, values, 0).astype(np.float64), starts)
    counts = np.add.reduceat(known.astype(np.int64), starts)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan).astype(np.float32)


def _check_finite(ids: Array, weights: Array) -> None:
    wrong = ~np.isfinite(weights)
    if wrong.any():
        raise NonFinite(
            f"the weights of {int(wrong.sum())} visits are not finite (ids {ids[wrong][:10].tolist()}): look at these "
            "examples, or lower the learning rate"
        )
