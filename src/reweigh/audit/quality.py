"""One number an example for how good its label looks, from 0 (bad) to 1, as cleanlab has it.

A rule like L2RW gives an example the weight zero whenever its gradient points away from the clean one. How OFTEN that
happens tells wrong labels from right ones far better than how large the weight is otherwise: a weight is also small where an
example is learnt already (docs/audit.md has the figures). So the score is the share of visits at which the example had any
weight; among equals the one with the larger mean weight is better, then the one with the larger mean alignment. A rule
that gives hardly any zeros is judged by the mean weight alone.
"""

import numpy as np

from reweigh.ledger.visits import Array

FEW_ZEROS = 0.01
"""Below this share of visits at weight zero, over all examples, zeros tell nothing."""


def label_quality(mean_weight: Array, zero_share: Array, mean_alignment: Array, visits: Array) -> Array:
    """Scores (N,) in [0, 1], low is bad; NaN where an example was never seen.

    All arguments are (N,). With V the largest number of visits, z the share at zero, m the mean relative weight and a
    the mean alignment, the score is (V·(1 − z) + u) / (V + 1), where u in [0, 1) orders examples of the same z by m and
    then by a. Without zeros it is m / (1 + m): 0.5 for the weight that plain training gives.
    """
    weight = mean_weight / (1 + mean_weight)
    alignment = np.nan_to_num(mean_alignment)
    within = 0.99 * weight + 0.01 * (0.5 + 0.5 * alignment / (1 + np.abs(alignment)))
    seen = visits > 0
    zeros = np.sum(np.where(seen, zero_share * visits, 0)) / max(int(visits.sum()), 1)
    if zeros < FEW_ZEROS:
        return np.where(seen, within, np.nan)
    most = max(int(visits.max(initial=0)), 1)
    return np.where(seen, (most * (1 - zero_share) + within) / (most + 1), np.nan)


def most_distrusted_first(quality: Array) -> Array:
    """The rows (N,) in ascending order of quality; those without one last."""
    return np.argsort(np.where(np.isnan(quality), np.inf, quality), kind="stable")
