"""Which inputs are nearly the same, and which lie far from all others.

Near is meant for these data. Inputs that have nothing to do with each other lie near by chance where there are many of them
in few dimensions, so the limit is the distance at which one such pair is to be expected in twenty such sets: how many
dimensions there are in truth is told by how the distances to neighbours grow (Levina and Bickel, 2004). It is never above a
quarter of the usual distance to the nearest one, here and around the two themselves.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from reweigh.audit.vectors import Vectors
from reweigh.errors import require

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
NEIGHBOURS, LEAST, MOST = 10, 50, 200_000
_SAMPLE = 1000  # inputs that tell how many dimensions there are
BY_CHANCE = 0.05
"""So many pairs that have nothing to do with each other may be taken for copies, as is to be expected."""
NEAR, FAR = 0.25, 3.0
"""Shares of the usual distance to the nearest one; and quartile ranges above the third quartile, Tukey's far out."""


class Found(NamedTuple):
    """Pairs (P, 2) of rows that are nearly the same, and which of N lie far from all others."""

    pairs: Ints
    outlier: Bools


def near_and_far(vectors: Vectors) -> Found:
    """Of N inputs, no two of which are the same; nothing is found of fewer than 50, or more than 200,000."""
    count = len(vectors.search)
    if not LEAST <= count <= MOST:
        return Found(np.empty((0, 2), dtype=np.int64), np.zeros(count, dtype=bool))
    every, some = np.arange(count), np.linspace(0, count - 1, min(count, _SAMPLE)).astype(np.int64)
    near, apart = _in_order(vectors, every, _neighbours(vectors.search, every))
    usual = _in_order(vectors, some, _neighbours(vectors.exact, some))[1]
    limit = np.median(usual[:, 0]) * min(NEAR, _by_chance(usual, count))
    last = apart[:, -1]
    around = NEAR * np.minimum(last[:, None], last[near])
    rows, places = np.nonzero((apart < limit) & (apart < around))
    pairs = np.stack([rows, near[rows, places]], 1)
    return Found(pairs, _far(apart))


def _neighbours(x: Any, rows: Ints) -> Ints:
    """(n, k): the nearest others of these rows (n,) among all of x; all distances are worked out, block by block."""
    nearest = require("sklearn.neighbors", "cli").NearestNeighbors(n_neighbors=NEIGHBOURS + 1, algorithm="brute")
    found = nearest.fit(x).kneighbors(x[rows], return_distance=False).astype(np.int64)
    itself = found == rows[:, None]
    itself[~itself.any(1), -1] = True  # among so many at its own place that it is not named
    return np.asarray(found[~itself].reshape(len(rows), NEIGHBOURS))


def _in_order(vectors: Vectors, rows: Ints, near: Ints) -> tuple[Ints, npt.NDArray[np.float32]]:
    """Neighbours (n, k) of these rows by their true distances, and those."""
    apart = vectors.apart(rows, near)
    order = np.argsort(apart, axis=1, kind="stable")
    return np.take_along_axis(near, order, 1), np.take_along_axis(apart, order, 1)


def _by_chance(apart: npt.NDArray[np.float32], count: int) -> float:
    """At which share of the usual distance hardly a pair is to be expected among `count` inputs with such distances (n, k).

    Among N points that lie by chance in d dimensions so many nearest ones are below a share s of the median: N ln(2) s^d.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        growth = np.log(apart[:, -1:] / apart[:, 1:-1])  # the nearest one may be a copy
    growth = growth[np.isfinite(growth)]
    # In d dimensions the log of the last distance over the j-th one is 1/j + ... + 1/(k - 1) over d, in the mean.
    wanted = np.mean([sum(1 / i for i in range(j, apart.shape[1])) for j in range(2, apart.shape[1])])
    dimensions = wanted / max(float(growth.mean()) if len(growth) else 0.0, 1e-9)
    return float((BY_CHANCE / (count * np.log(2))) ** (1 / dimensions))


def _far(apart: npt.NDArray[np.float32]) -> Bools:
    """(N,) where the mean distance to its neighbours is far out, on a scale of orders of magnitude."""
    usual = np.log(np.maximum(apart.mean(1), 1e-12))
    low, high = np.quantile(usual, [0.25, 0.75])
    return np.asarray(usual > high + FAR * max(high - low, 1e-3))
