"""How dirty the labels are, as a heat map: how many labels of each class are likely of each other one."""

from dataclasses import dataclass

import numpy as np

from reweigh.audit import Audit
from reweigh.ledger.visits import Array

MOST = 12
"""Classes of a map; of more those that are taken for others the most."""
LEVELS = 9
_DARKEST = 0.3  # a share of a class that is as dark as can be


@dataclass(frozen=True)
class Cell:
    """How many labels, in words; "" for none. `level` from 0 to 9 is how dark it is, `same` that the label is right."""

    count: str
    share: str
    between: str
    level: int
    same: bool = False


@dataclass(frozen=True)
class HeatMap:
    """Given labels by likely ones.

    Attributes:
        columns: what stands above.
        rows: each given label, and its cells.
        told: whether these are estimates, with the ends of their 95 % intervals; else what was suggested is counted.
        left_out: how many classes are not shown.
    """

    columns: list[str]
    rows: list[tuple[str, list[Cell]]]
    told: bool
    left_out: int


def heat_map(audit: Audit) -> HeatMap:
    """Of the classes, the ranges of a number, or of several labels an example: where each is too many, and where missing."""
    return _of_labels(audit) if audit.groups.overlap else _of_classes(audit)


def _of_classes(audit: Audit) -> HeatMap:
    names, size = audit.groups.names, len(audit.groups.names)
    counts, ends, told = _counts(audit)
    apart = counts * (1 - np.eye(size))
    order = np.argsort(-(apart.sum(0) + apart.sum(1)), kind="stable")
    used = [c for c in order.tolist() if audit.groups.counts[c] or apart[:, c].any()]
    shown = sorted(used[:MOST])
    rows = [
        (names[g], [_cell(counts[g, s], audit.groups.counts[g], ends[:, g, s], same=g == s) for s in shown])
        for g in shown
        if audit.groups.counts[g]
    ]
    return HeatMap([names[s] for s in shown], rows, told, len(used) - len(shown))


def _counts(audit: Audit) -> tuple[Array, Array, bool]:
    """(C, C) labels given by likely, the ends of each number (2, C, C), NaN where nobody knows, and whether it is told."""
    found, size = audit.estimate, len(audit.groups.names)
    ends = np.full((2, size, size), np.nan)
    if found is None or found.pair_interval is None or not found.by_class:
        return audit.confusion.astype(np.float64), ends, False
    known, counts = found.pairs.shape[0], np.zeros((size, size))
    counts[:known, :known], ends[:, :known, :known] = found.pairs, found.pair_interval
    np.fill_diagonal(counts, audit.groups.counts - counts.sum(1))
    ends[:, range(size), range(size)] = np.nan
    return counts, ends, True


def _of_labels(audit: Audit) -> HeatMap:
    groups, found = audit.groups, audit.estimate
    told = found is not None and found.pair_interval is not None
    if found is not None and found.pair_interval is not None:
        counts, ends = found.pairs, found.pair_interval
    else:
        counts = np.stack([(groups.given & ~groups.suggested).sum(0), (groups.suggested & ~groups.given).sum(0)], 1)
        ends = np.full((2, *counts.shape), np.nan)
    order = np.argsort(-counts.sum(1), kind="stable")[:MOST].tolist()
    among = np.stack([groups.counts, len(audit) - groups.counts], 1)
    rows = [(groups.names[k], [_cell(counts[k, j], among[k, j], ends[:, k, j]) for j in (0, 1)]) for k in order]
    return HeatMap(["is there, likely too many", "is not there, likely missing"], rows, told, len(counts) - len(order))


def _cell(count: float, among: int, ends: Array, *, same: bool = False) -> Cell:
    share = float(count) / max(int(among), 1)
    if count < 0.5:
        return Cell("", "", "", 0, same)
    low, high = ends.tolist()
    between = "" if low != low else f"{low:.0f} to {high:.0f}"
    level = round(LEVELS * min(1.0, share if same else share / _DARKEST))
    return Cell(f"{count:,.0f}", f"{100 * share:.0f} %" if share >= 0.005 else "", between, max(level, 1), same)
