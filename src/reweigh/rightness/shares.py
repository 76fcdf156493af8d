"""How many labels are right: expectation maximisation over what a verifier says (Saerens et al. 2002, prior shift).

A verifier is taught on as many right labels as wrong ones. In the training set there may be more or fewer of either; that is
one number, or one for each pair of given and suggested label, and it follows from the verifier's log-odds themselves.
"""

import math

import torch
from torch import Tensor

CERTAIN = 1.96
"""Standard errors on each side of what is 95 % certain."""
_STEPS, _ENOUGH = 200, 1e-7
_LEAST, _MOST = 0.02, 0.9995
_PULL = 30.0
"""A pair of labels is pulled to the common share as by so many examples."""


def shares_by_cell(logits: Tensor, cells: tuple[Tensor, Tensor], shape: tuple[int, int]) -> Tensor:
    """The share of right labels in each cell of a table, from log-odds that were learnt half and half.

    Args:
        logits: of n labels, (n,).
        cells: row and column of each, (n,): the given class and the suggested one, say.
        shape: rows and columns.

    Returns:
        (rows, columns); cells that are seen rarely are near the common share.
    """
    pair, place = (cells[0] * shape[1] + cells[1]).unique(return_inverse=True)
    seen = torch.zeros(len(pair), dtype=torch.double).index_add_(0, place, torch.ones(len(place), dtype=torch.double))
    share = torch.full((len(pair),), 0.5, dtype=torch.double)
    common = share.mean()
    likely = torch.sigmoid(logits.double())  # no exponential in the loop, which may take 200 turns over all examples
    for _ in range(_STEPS):
        taken = share[place]
        right = taken * likely / (taken * likely + (1 - taken) * (1 - likely))
        sums, common = torch.zeros_like(share).index_add_(0, place, right), right.mean()
        before, share = share, ((sums + _PULL * common) / (seen + _PULL)).clamp(_LEAST, _MOST)
        if float((share - before).abs().max()) < _ENOUGH:
            break
    found = (
        common.clamp(_LEAST, _MOST).expand(shape[0] * shape[1]).clone()
    )  # of a pair that is not seen nothing else is known
    found[pair] = share
    return found.view(shape)


def shares_of_groups(logits: Tensor) -> Tensor:
    """The shares (G,) of groups among examples with these log-odds (n, G), which were learnt with as many of each."""
    share = torch.full((logits.shape[1],), 1 / logits.shape[1], dtype=torch.double)
    likely = logits.double().softmax(1)  # as above: what follows is the softmax of logits + share.log(), on average
    for _ in range(_STEPS):
        before, share = share, (share * (likely.T @ (likely @ share).reciprocal()) / len(likely)).clamp_min(1e-6)
        if float((share - before).abs().max()) < _ENOUGH:
            break
    return share / share.sum()


def wilson(share: float, count: float) -> tuple[float, float]:
    """Between what a share lies with 95 % that was seen of so many (Wilson, 1927)."""
    z = CERTAIN**2 / count
    middle, half = (share + z / 2) / (1 + z), math.sqrt(z * share * (1 - share) + z**2 / 4) / (1 + z)
    return max(middle - half, 0.0), min(middle + half, 1.0)
