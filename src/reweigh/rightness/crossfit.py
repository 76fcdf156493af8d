"""Can right labels be told from wrong ones here? Asked of checked examples that the verifier was not taught by."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from reweigh.metrics import effective_sample_size
from reweigh.rightness.nearness import folds
from reweigh.rightness.shares import CERTAIN, wilson
from reweigh.rightness.verifier import Verifier
from reweigh.rightness.witness import Witness

_FOLDS = 5
_BINS = 10
_COIN = 0.5
_SAME = 2
"""Right and wrong pairs are of the same examples: where there are two classes one is the other's mirror."""
_NEARLY = 1e-9


class Tenth(NamedTuple):
    """Pairs that were said to be right with about the same probability.

    Attributes:
        said: the mean of that.
        right: the share of them that was right.
        low, high: between what that share lies with 95 %.
        pairs: how many there are.
    """

    said: float
    right: float
    low: float
    high: float
    pairs: int


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
        weight: by how much those pairs count, (p,): the right ones together, and the wrong ones, by one half.
        row: of which class, or of which label, each pair is, (p,): its row in the table of wrong targets.
        repeated: how many pairs there are of an example, right and wrong ones each, (p,).
        examples: how many checked examples there were.
        least: an AUROC that is not above it with some certainty is no ground for a number.
    """

    auroc: float
    margin: float
    hardest: str
    by_kind: dict[str, float]
    said: Tensor
    right: Tensor
    weight: Tensor
    row: Tensor
    repeated: Tensor
    examples: int
    least: float

    @property
    def tells(self) -> bool:
        """Whether right labels are told from wrong ones of every kind, with some certainty.

        Nobody knows which kind the training set has. Of one that cannot be told the share cannot be either.
        """
        return self.auroc - self.margin > self.least

    @property
    def ranks(self) -> bool:
        """Whether they are told apart better than by a coin, with some certainty: then doubtful ones can be ranked."""
        return self.auroc - self.margin > _COIN

    @property
    def needed(self) -> int | None:
        """How many checked examples would do, if they told as these do; None where more of them would not."""
        if self.auroc <= self.least:
            return None
        return math.ceil(self.examples * (self.margin / (self.auroc - self.least)) ** 2) + 1

    def too_many(self, right: Tensor) -> tuple[Tensor, Tensor]:
        """By how much too large a share of wrong targets the verifier tells, and the standard error of that, (G,) each.

        Held-out pairs are mixed as they would be with these shares of right ones, and the share that is told of the mixture
        is held against its own: right ones that look wrong are too many, wrong ones that look right too few.

        Args:
            right: the share of right targets in all, (1,), or in each row of the table, (G,).
        """
        row = torch.zeros_like(self.row) if len(right) == 1 else self.row
        chance = torch.sigmoid(self.said + torch.logit(right.clamp(_NEARLY, 1 - _NEARLY))[row])
        alarms, of_alarms = self._mean(1 - chance, self.right, row, len(right))
        missed, of_missed = self._mean(chance, ~self.right, row, len(right))
        error = ((right * of_alarms).square() + ((1 - right) * of_missed).square()).sqrt()
        return right * alarms - (1 - right) * missed, error

    def _mean(self, values: Tensor, which: Tensor, row: Tensor, rows: int) -> tuple[Tensor, Tensor]:
        """The mean of these pairs' values (p,), from 0 to 1, by row, and at most its standard error, (G,) each."""
        weight = self.weight * which
        there, square, summed = (
            torch.zeros(rows, dtype=torch.double).index_add_(0, row, part)
            for part in (weight, weight.square() * self.repeated, weight * values)
        )
        mean, count = summed / there.clamp_min(_NEARLY), there.square() / square.clamp_min(_NEARLY)
        return mean, (mean * (1 - mean) / count.clamp_min(1)).sqrt()  # as many examples as they are worth

    def reliability(self) -> list[Tenth]:
        """Of tenths of the pairs, from the least to the most sure."""
        order = self.said.argsort()
        columns = (torch.sigmoid(self.said)[order], self.right[order].double(), self.weight[order])
        return [_tenth(*part) for part in zip(*(column.chunk(_BINS) for column in columns), strict=True)]


def cross_fit(
    view: Witness, labels: Tensor, kinds: Sequence[str], *, ridge: float, seed: int = 0, weights: Tensor | None = None
) -> CrossFit:
    """Teach by four fifths of the checked examples and ask about the others, five times.

    Args:
        view: of the checked examples, m of them.
        labels: their right labels, (m, ...).
        kinds, ridge: of the verifier.
        seed: of the folds and of the wrong labels.
        weights: of the examples, (m,): what they say together is of the training set only where each class counts as much
            as there is of it. All alike if left out.
    """
    like, weights = weights, torch.ones(len(labels), dtype=torch.double) if weights is None else weights.double()
    generator = torch.Generator().manual_seed(seed)
    right, counts, rows = list[Tensor](), list[Tensor](), list[Tensor]()
    wrong: dict[str, list[tuple[Tensor, Tensor, Tensor]]] = {name: [] for name in kinds}
    untaught = Verifier(kinds, ridge=ridge, seed=seed, among=view.kinds)
    for held, verifier in in_turn(untaught, view, labels, like, generator):
        right.append(_at_even_odds(verifier.ask(view[held], labels[held])))
        counts.append(weights[held].repeat_interleave(len(right[-1]) // len(held)))
        rows.append(view[held].cells(labels[held], labels[held])[0])
        for name in kinds:
            others = view.kinds[name](view[held], labels[held], generator)
            changed = (others != labels[held]).flatten()
            said = _at_even_odds(verifier.ask(view[held], others)[changed])
            wrong[name].append((said, counts[-1][changed], view[held].cells(others, others)[0][changed]))
    told, their = torch.cat(right), torch.cat(counts)
    spoilt = {name: [torch.cat(column) for column in zip(*parts, strict=True)] for name, parts in wrong.items()}
    by_kind = {name: _told_apart((told, their), (said, alike)) for name, (said, alike, _) in spoilt.items()}
    hardest = min(by_kind, key=lambda name: by_kind[name])
    alone = effective_sample_size(weights) / _SAME  # an example's labels stand together as well
    margin = CERTAIN * _error(by_kind[hardest], alone)
    said = torch.cat([told, *(part for part, _, _ in spoilt.values())])
    right_ones = torch.arange(len(said)) < len(told)
    halves = [their, torch.cat([alike for _, alike, _ in spoilt.values()])]
    row = torch.cat([*rows, *(place for _, _, place in spoilt.values())])
    count = torch.cat([half / half.sum() / 2 for half in halves])
    often = torch.where(right_ones, int(right_ones.sum()), int((~right_ones).sum())) / len(labels)
    return CrossFit(
        by_kind[hardest], margin, hardest, by_kind, said, right_ones, count, row, often, len(labels), view.tells
    )


def in_turn(
    verifier: Verifier, view: Witness, labels: Tensor, counts: Tensor | None, generator: torch.Generator
) -> Iterator[tuple[Tensor, Verifier]]:
    """Positions of a fifth of the checked examples, and a verifier like this one that the others have taught; five times.

    Args:
        verifier: its settings are taken.
        view: of the checked examples, m of them.
        labels: their right labels, (m, ...).
        counts: as of `Verifier.teach`.
        generator: of the fifths, where there are no classes.
    """
    order = torch.randperm(len(labels), generator=generator)
    if labels.ndim == 1 and not labels.is_floating_point():  # nearness leaves the same ones out together
        parts = [(folds(labels) == fold).nonzero().flatten() for fold in range(_FOLDS)]
        parts = [part for part in parts if 0 < len(part) < len(labels)]
    else:
        parts = list(order.chunk(min(_FOLDS, len(labels))))
    for held in parts:
        rest = torch.ones(len(labels), dtype=torch.bool)
        rest[held] = False
        again = verifier.anew()
        again.teach(view[rest], labels[rest], None if counts is None else counts[rest])
        yield held, again


def _tenth(chance: Tensor, right: Tensor, weight: Tensor) -> Tenth:
    """With Wilson's interval for as many pairs as the weighted ones are worth."""
    n, share = effective_sample_size(weight), float((weight * right).sum() / weight.sum())
    said = float((weight * chance).sum() / weight.sum())
    return Tenth(said, share, *wilson(share, max(n, 1.0)), len(chance))


def _told_apart(right: tuple[Tensor, Tensor], wrong: tuple[Tensor, Tensor]) -> float:
    """The AUROC of right against wrong labels, both with the weights by which they count; ties count half."""
    (high, by), (low, weights) = right, wrong
    order = low.argsort()
    below = torch.cat([torch.zeros(1, dtype=torch.double), weights[order].cumsum(0)])
    less, not_more = (torch.searchsorted(low[order], high, right=side) for side in (False, True))
    return float((by * (below[less] + below[not_more]) / 2).sum() / (by.sum() * weights.sum()))


def _at_even_odds(asked: Tensor) -> Tensor:
    kinds = asked.shape[1] - 1
    return asked[:, 0] - torch.logsumexp(asked[:, 1:], 1) + math.log(kinds)


def _error(area: float, n: float) -> float:
    """The standard error of an AUROC of n against n (Hanley and McNeil 1982)."""
    one, two = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area) + (n - 1) * (one - area**2) + (n - 1) * (two - area**2)
    return math.sqrt(max(variance, 0.0)) / n
