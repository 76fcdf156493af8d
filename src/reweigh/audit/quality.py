"""One number an example for how good its label looks, from 0 (bad) to 1, as cleanlab has it.

It is the product of two. **Trust** is the share of visits at which training gave the example any weight. A rule like L2RW
gives it none whenever its gradient points away from the clean one, and how OFTEN that happens tells wrong labels from right
ones far better than how large the weight is otherwise: a weight is also small where an example is learnt already. The other
is the **typical probability** of the given label while the model trained, exp(−mean loss): a model that learns from trusted
examples keeps finding a wrong label unlikely. docs/audit.md has the figures.
"""

import numpy as np

from reweigh.ledger.visits import Array

FEW_ZEROS = 0.01
"""Below this share of visits at weight zero, over all examples, zeros tell nothing."""


MOST = 5.0
"""The largest weight that another learner is given: one that counts for many is learnt by heart, and may be wrong."""


def capped(weights: Array, most: float = MOST) -> Array:
    """Weights (N,), not negative, scaled to a mean of 1 with none above `most`.

    What the largest ones lose the others gain, in proportion. Where fewer than one in `most` has any weight these have it
    alike, and where none has all do.
    """
    count = int((weights > 0).sum())
    if count == 0:
        return np.ones_like(weights)
    if most * count <= len(weights):
        return np.where(weights > 0, len(weights) / count, 0.0)
    order = np.sort(weights.astype(np.float64))[::-1]
    left = order.sum() - np.concatenate([[0.0], np.cumsum(order)[:-1]])
    full = np.arange(len(order))  # how many of the largest would be at the cap
    scale = (len(order) - most * full) / np.maximum(left, 1e-300)
    first = int(np.argmax(scale * order <= most))
    return np.asarray(np.minimum(weights * scale[first], most))


def trust(mean_weight: Array, zero_share: Array, mean_alignment: Array, visits: Array) -> Array:
    """How far training trusted each example, (N,) in [0, 1]; NaN where it was never seen.

    All arguments are (N,). With V the largest number of visits, z the share at zero, m the mean relative weight and a
    the mean alignment, it is (V·(1 − z) + u) / (V + 1), where u in [0, 1) orders examples of the same z by m and, where
    that ties at zero, by a. For a rule that gives hardly any zeros it is u alone, about m / (1 + m): 0.5 for the weight
    that plain training gives.
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


def label_quality(trusted: Array, mean_loss: Array) -> Array:
    """Trust (N,) times exp(−mean loss) (N,), in [0, 1]; where no loss is known, trust alone."""
    scores: Array = trusted * np.exp(-np.maximum(np.nan_to_num(mean_loss), 0))
    return scores


def most_distrusted_first(quality: Array, trusted: Array | None = None) -> Array:
    """The rows (N,) in ascending order of quality, where that ties of trust; those without one last."""
    first, second = (
        np.where(np.isnan(values), np.inf, values) for values in (quality, quality if trusted is None else trusted)
    )
    return np.lexsort((second, first))
