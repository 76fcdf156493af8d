"""How many labels are right: expectation maximisation over what a verifier says (Saerens et al. 2002, prior shift).

A verifier is taught on as many right labels as wrong ones. In the training set there may be more or fewer of either; that is
one number, or one for each pair of given and suggested label, and it follows from the verifier's log-odds themselves.

In NumPy, whose calls cost a third of PyTorch's on so few numbers: each verifier that is drawn anew is counted by.
"""

import math

import numpy as np
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
    pair, place = np.unique((cells[0] * shape[1] + cells[1]).numpy(), return_inverse=True)
    seen, share = np.bincount(place).astype(float), np.full(len(pair), 0.5)
    likely = torch.sigmoid(logits.double()).numpy()  # no exponential in the loop, which may take 200 turns over all
    unlikely = 1 - likely
    for _ in range(_STEPS):
        taken = share[place]
        right = taken * likely
        right /= right + (1 - taken) * unlikely
        common = right.mean()
        sums = np.bincount(place, right)
        before, share = share, np.clip((sums + _PULL * common) / (seen + _PULL), _LEAST, _MOST)
        if np.abs(share - before).max() < _ENOUGH:
            break
    found = np.full(shape[0] * shape[1], np.clip(common, _LEAST, _MOST))  # of a pair that is not seen no more is known
    found[pair] = share
    return torch.from_numpy(found).view(shape)


def shares_of_groups(logits: Tensor) -> Tensor:
    """The shares (G,) of groups among examples with these log-odds (n, G), which were learnt with as many of each."""
    # as above: what follows is the softmax of logits + share.log(), on average
    likely = logits.double().softmax(1).numpy()
    share = np.full(likely.shape[1], 1 / likely.shape[1])
    for _ in range(_STEPS):
        before, share = share, np.maximum(share * (likely.T @ (1 / (likely @ share))) / len(likely), 1e-6)
        if np.abs(share - before).max() < _ENOUGH:
            break
    return torch.from_numpy(share / share.sum())


def wilson(share: float, count: float) -> tuple[float, float]:
    """Between what a share lies with 95 % that was seen of so many (Wilson, 1927)."""
    z = CERTAIN**2 / count
    middle, half = (share + z / 2) / (1 + z), math.sqrt(z * share * (1 - share) + z**2 / 4) / (1 + z)
    return max(middle - half, 0.0), min(middle + half, 1.0)
