"""How checked examples were picked, as far as their numbers show it, and what each of them stands for then."""

import torch
import torch.nn.functional as F
from torch import Tensor

from reweigh.rightness.before import Before

_STEPS, _DOUBT = 200, 0.1


def stands_for(before: Before, right: Tensor, given: Tensor) -> Tensor | None:
    """How many labels that nobody checked each of k checked ones stands for, (k,); None where all stand for as many.

    Where somebody went on until there were as many of each right class, there are few of what is frequent: of a class of
    two per cent ten are checked, and what they were called before says little of the others. Where examples were picked at
    random, or by their given class, each is what it seems to be.

    Args:
        before: what they were called, by their positions among the m checked examples.
        right: the right labels of these, (m, ...).
        given: the labels that nobody checked, (n, ...).
    """
    if right.ndim > 1 or right.is_floating_point() or not len(before.ids):
        return None
    classes = int(torch.cat([right, given, before.targets]).max()) + 1
    truth, called = right[before.ids], before.targets
    if not _level(truth.bincount()) or _level(called.bincount()):
        return None
    confused = torch.zeros(classes, classes, dtype=torch.double)
    confused.index_put_((truth, called), torch.ones(len(truth), dtype=torch.double), accumulate=True)
    shares = class_shares(confused, given.bincount(minlength=classes).double())
    return (shares * len(given) / confused.sum(1).clamp_min(1))[truth]


def class_shares(confused: Tensor, given: Tensor) -> Tensor:
    """The shares (K,) of the right classes among labels of which so many are `given` as each class, (K,).

    By expectation maximisation, from how often a right class (row) was called another (column), (K, K).
    """
    chance = confused + _DOUBT * F.one_hot(torch.arange(len(given)), len(given))
    chance = chance / chance.sum(1, keepdim=True)
    seen = given / given.sum()
    share = seen.clamp_min(1 / (len(given) * given.sum()))
    for _ in range(_STEPS):
        share = share * (chance @ (seen / (share @ chance).clamp_min(1e-12)))
        share = share / share.sum()
    return share


def _level(counts: Tensor) -> bool:
    """Whether all that are there are there as often."""
    there = counts[counts > 0]
    return len(there) > 1 and int(there.max() - there.min()) <= 1
