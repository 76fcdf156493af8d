"""Which inputs are nearly the same, and which lie far from all others.

Near is meant for these data. Inputs that have nothing to do with each other lie near by chance where there are many of them
in few dimensions, so the limit is the distance at which one such pair is to be expected in twenty such sets: how many
dimensions there are in truth is told by how the distances to neighbours grow (Levina and Bickel, 2004). It is never above a
quarter of the usual distance to the nearest one, here and around the two themselves.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from reweigh.audit.vectors import Vectors
from reweigh.errors import require

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
NEIGHBOURS, LEAST, MOST = 10, 50, 200_000
BY_CHANCE = 0.05
"""So many pairs that have nothing to do with each other may be taken for copies, as is to be expected."""
NEAR, FAR = 0.25, 3.0
"""The share of the usual distance to the nearest one that is near, and quartile ranges above the third quartile that are far (Tukey's far out)."""


class Found(NamedTuple):
    """Pairs (P, 2) of rows that are nearly the same, and which of N lie far from all others."""

    pairs: Ints
    outlier: Bools


def near_and_far(vectors: Vectors) -> Found:
    """Of N inputs, no two of which are the same; nothing is found of fewer than 50, or more than 200,000."""
    count = len(vectors.search)
    if not LEAST <= count <= MOST:
        return Found(np.empty((0, 2), dtype=np.int64), np.zeros(count, dtype=bool))
    near = _neighbours(vectors.search)
    apart = vectors.apart(np.arange(count), near)
    order = np.argsort(apart, axis=1, kind="stable")
    near, apart = np.take_along_axis(near, order, 1), np.take_along_axis(apart, order, 1)
    last = apart[:, -1]
    limit = np.median(apart[:, 0]) * min(NEAR, _by_chance(apart))
    around = NEAR * np.minimum(last[:, None], last[near])
    rows, places = np.nonzero((apart < limit) & (apart < around))
    pairs = np.stack([rows, near[rows, places]], 1)
    return Found(pairs, _far(apart))


def _neighbours(search: npt.NDArray[np.float32]) -> Ints:
    """(N, k): the nearest others; all distances are worked out, block by block."""
    nearest = require("sklearn.neighbors", "cli").NearestNeighbors(n_neighbors=NEIGHBOURS + 1, algorithm="brute")
    found = nearest.fit(search).kneighbors(search, return_distance=False).astype(np.int64)
    itself = found == np.arange(len(found))[:, None]
    itself[~itself.any(1), -1] = True  # among so many at its own place that it is not named
    return np.asarray(found[~itself].reshape(len(found), NEIGHBOURS))


def _by_chance(apart: npt.NDArray[np.float32]) -> float:
    """At which share of the usual distance hardly a pair is to be expected among inputs with such distances (N, k).

    Among N points that lie by chance in d dimensions so many nearest ones are below a share s of the median: N ln(2) s^d.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        growth = np.log(apart[:, -1:] / apart[:, 1:-1])  # the nearest one may be a copy
    growth = growth[np.isfinite(growth)]
    dimensions = 1 / max(float(growth.mean()) if len(growth) else 0.0, 1e-9)
    return float((BY_CHANCE / (len(apart) * np.log(2))) ** (1 / dimensions))


def _far(apart: npt.NDArray[np.float32]) -> Bools:
    """(N,) where the mean distance to its neighbours is far out, on a scale of orders of magnitude."""
    usual = np.log(np.maximum(apart.mean(1), 1e-12))
    low, high = np.quantile(usual, [0.25, 0.75])
    return np.asarray(usual > high + FAR * max(high - low, 1e-3))
