"""Groups of examples whose labels are looked at together: the classes, the labels, or ranges of a regression's target.

A noise rate, a confusion and a course of weights are asked for class by class. A regression has no classes, so its target is
cut into ranges of about equally many examples; where examples carry several labels, each label has a group of those that
carry it, and the groups overlap.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from reweigh.tasks.targets import Array

RANGES = 5


@dataclass(frozen=True)
class Groups:
    """G groups of N examples.

    Attributes:
        names: G names.
        given: the group of each given label, (N,) int64; or which labels are given, (N, G) bool.
        suggested: the same of what the finished model says.
    """

    names: tuple[str, ...]
    given: Array
    suggested: Array

    @property
    def overlap(self) -> bool:
        """Whether an example may be in several groups, or in none."""
        return self.given.ndim > 1

    @property
    def counts(self) -> Array:
        """Examples in each group, (G,)."""
        counts: Array = self.given.sum(0) if self.overlap else np.bincount(self.given, minlength=len(self.names))
        return counts

    def mean(self, values: Array) -> Array:
        """Means of `values` (N,) over each group (G,), leaving out NaN; NaN for a group without any."""
        values = values.astype(np.float64)
        known = ~np.isnan(values)
        with np.errstate(invalid="ignore"):
            if self.overlap:
                members = self.given[known]
                means: Array = (values[known] @ members) / members.sum(0)
                return means
            sums = np.bincount(self.given[known], values[known], len(self.names))
            return sums / np.bincount(self.given[known], minlength=len(self.names))

    @property
    def confusion(self) -> Array:
        """(G, G) counts, group given by group suggested; where groups overlap only what changed counts off the diagonal."""
        size = len(self.names)
        if not self.overlap:
            return np.bincount(self.given * size + self.suggested, minlength=size**2).reshape(size, size)
        lost = (self.given & ~self.suggested).astype(np.int64)
        won = (self.suggested & ~self.given).astype(np.int64)
        table: Array = lost.T @ won
        return table + np.diag((self.given & self.suggested).sum(0))


def by_range(given: Array, suggested: Array, ranges: int = RANGES) -> Groups:
    """Values (N,) in ranges of about equally many given ones."""
    edges = np.unique(np.quantile(given, np.linspace(0, 1, ranges + 1)))
    inner = edges[1:-1]
    return Groups(_ranges(edges), *(np.searchsorted(inner, values, side="right") for values in (given, suggested)))


def _ranges(edges: Array) -> tuple[str, ...]:
    ends = [f"{edge:.4g}" for edge in edges.tolist()]
    return tuple(f"{low} to {high}" for low, high in pairwise(ends)) or (ends[0],)
