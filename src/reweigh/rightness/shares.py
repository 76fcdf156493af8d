"""How many labels are right: expectation maximisation over what a verifier says (Saerens et al. 2002, prior shift).

A verifier is taught on as many right labels as wrong ones. In the training set there may be more or fewer of either; that is
one number, or one for each pair of given and suggested label, and it follows from the verifier's log-odds themselves.
"""

import torch
from torch import Tensor

_STEPS, _ENOUGH = 200, 1e-7
_LEAST, _MOST = 0.02, 0.9995
_PULL = 30.0
"""A pair of labels is pulled to the common share as by so many examples."""


def shares_by_pair(logits: Tensor, given: Tensor, suggested: Tensor, classes: int) -> Tensor:
    """The share of right labels by pair of given and suggested label, (K, K), from log-odds that were learnt half and half.

    Pairs that are seen rarely are near the common share.
    """
    pair, place = (given * classes + suggested).unique(return_inverse=True)
    seen = torch.zeros(len(pair), dtype=torch.double).index_add_(0, place, torch.ones(len(place), dtype=torch.double))
    share = torch.full((len(pair),), 0.5, dtype=torch.double)
    common = share.mean()
    for _ in range(_STEPS):
        right = torch.sigmoid(logits.double() + torch.logit(share[place]))
        sums, common = torch.zeros_like(share).index_add_(0, place, right), right.mean()
        before, share = share, ((sums + _PULL * common) / (seen + _PULL)).clamp(_LEAST, _MOST)
        if float((share - before).abs().max()) < _ENOUGH:
            break
    found = common.clamp(_LEAST, _MOST).expand(classes**2).clone()  # of a pair that is not seen nothing else is known
    found[pair] = share
    return found.view(classes, classes)


def shares_of_groups(logits: Tensor) -> Tensor:
    """The shares (G,) of groups among examples with these log-odds (n, G), which were learnt with as many of each."""
    share = torch.full((logits.shape[1],), 1 / logits.shape[1], dtype=torch.double)
    for _ in range(_STEPS):
        before, share = share, (logits.double() + share.log()).softmax(1).mean(0).clamp_min(1e-6)
        if float((share - before).abs().max()) < _ENOUGH:
            break
    return share / share.sum()
