"""Can right labels be told from wrong ones here? Asked of checked examples that the verifier was not taught by."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from reweigh.metrics import effective_sample_size
from reweigh.rightness.kinds import KINDS
from reweigh.rightness.verifier import Verifier
from reweigh.rightness.view import View

_FOLDS = 5
_TELLS = 0.85
"""An AUROC that is not above it with some certainty is no ground for a number: on digits of which 36 % were called one
class, without features, it was .81 and the number 0 %.
"""
_CERTAIN = 1.96
_BINS = 10


@dataclass(frozen=True)
class CrossFit:
    """What held-out checked examples say of the verifier.

    Attributes:
        auroc: of right labels against wrong ones of the kind that is told worst.
        margin: half the width of its 95 % interval.
        hardest: that kind.
        by_kind: the AUROC for each kind of wrong labels.
        said: log-odds of right at even odds, of held-out pairs, (p,).
        right: which of those pairs were right, (p,).
        examples: how many checked examples there were.
    """

    auroc: float
    margin: float
    hardest: str
    by_kind: dict[str, float]
    said: Tensor
    right: Tensor
    examples: int

    @property
    def tells(self) -> bool:
        """Whether right labels are told from wrong ones of every kind, with some certainty.

        Nobody knows which kind the training set has. Of one that cannot be told the share cannot be either.
        """
        return self.auroc - self.margin > _TELLS

    @property
    def needed(self) -> int | None:
        """How many checked examples would do, if they told as these do; None where more of them would not."""
        if self.auroc <= _TELLS:
            return None
        return math.ceil(self.examples * (self.margin / (self.auroc - _TELLS)) ** 2) + 1

    def reliability(self) -> list[tuple[float, float, int]]:
        """Of tenths of the pairs, from the least to the most sure: mean P(right) said, share that was right, how many."""
        order = self.said.argsort()
        chance, right = torch.sigmoid(self.said)[order], self.right[order].double()
        parts = zip(chance.chunk(_BINS), right.chunk(_BINS), strict=True)
        return [(float(p.mean()), float(r.mean()), len(p)) for p, r in parts]


def cross_fit(
    view: View, labels: Tensor, kinds: Sequence[str], *, ridge: float, seed: int = 0, sizes: Tensor | None = None
) -> CrossFit:
    """Teach by four fifths of the checked examples and ask about the others, five times.

    Args:
        view: of the checked examples, m of them.
        labels: their right labels, (m,).
        kinds, ridge: of the verifier.
        seed: of the folds and of the wrong labels.
        sizes: of the classes in the training set, (K,): ten checked of each say how well labels are told there only where
            they count as much as their classes do. All alike if left out.
    """
    weights = torch.ones(len(labels), dtype=torch.double)
    if sizes is not None:
        weights = (sizes.double() / labels.bincount(minlength=view.classes).clamp_min(1))[labels]
    generator = torch.Generator().manual_seed(seed)
    folds = torch.randperm(len(labels), generator=generator).chunk(min(_FOLDS, len(labels)))
    right, held_weights = list[Tensor](), weights[torch.cat(folds)]
    wrong: dict[str, list[Tensor]] = {name: [] for name in kinds}
    for held in folds:
        rest = torch.ones(len(labels), dtype=torch.bool)
        rest[held] = False
        verifier = Verifier(kinds, ridge=ridge, seed=seed)
        verifier.teach(view[rest], labels[rest])
        right.append(_at_even_odds(verifier.ask(view[held], labels[held])))
        for name in kinds:
            others = KINDS[name](view[held], labels[held], generator)
            wrong[name].append(_at_even_odds(verifier.ask(view[held], others)))
    told = torch.cat(right)
    by_kind = {name: _told_apart(told, torch.cat(parts), held_weights) for name, parts in wrong.items()}
    hardest = min(by_kind, key=lambda name: by_kind[name])
    margin = _CERTAIN * _error(by_kind[hardest], effective_sample_size(weights))
    said = torch.cat([told, *(part for parts in wrong.values() for part in parts)])
    right_ones = torch.arange(len(said)) < len(told)
    return CrossFit(by_kind[hardest], margin, hardest, by_kind, said, right_ones, len(told))


def _told_apart(right: Tensor, wrong: Tensor, weights: Tensor) -> float:
    """The AUROC of right against wrong labels of the same examples, which count by their weights; ties count half."""
    order = wrong.argsort()
    below = torch.cat([torch.zeros(1, dtype=torch.double), weights[order].cumsum(0)])
    less, not_more = (torch.searchsorted(wrong[order], right, right=side) for side in (False, True))
    return float((weights * (below[less] + below[not_more]) / 2).sum() / weights.sum() ** 2)


def _at_even_odds(asked: Tensor) -> Tensor:
    kinds = asked.shape[1] - 1
    return asked[:, 0] - torch.logsumexp(asked[:, 1:], 1) + math.log(kinds)


def _error(area: float, n: float) -> float:
    """The standard error of an AUROC of n against n (Hanley and McNeil 1982)."""
    one, two = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area) + (n - 1) * (one - area**2) + (n - 1) * (two - area**2)
    return math.sqrt(max(variance, 0.0)) / n
