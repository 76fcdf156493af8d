"""A verifier's log-odds brought in line with real mistakes, and whether these are like what they are to speak for.

The verifier knows made mistakes alone, and counts none of the real ones where those look like the truth. A logistic
regression of two numbers (Platt, 1999) on labels of which it is known whether they were right mends that. It is drawn anew
for each end of an interval, so that few such labels leave it wide: the same use of few certain and many uncertain answers
as in prediction-powered inference (Angelopoulos et al., 2023).
"""

import math
from collections.abc import Sequence
from typing import NamedTuple, Self

import torch
import torch.nn.functional as F
from torch import Tensor

from reweigh.metrics import effective_sample_size

_ALIKE, _FAR = 3.0, 0.1
"""Checked labels are unlike the others if that is so many standard errors sure, and they are so far from an AUROC of .5."""
_MEAN, _DEVIATION = torch.tensor([0.0, 1.0], dtype=torch.double), torch.tensor([2.0, 0.5], dtype=torch.double)
"""Shift and slope as the verifier has them, and how far they are thought to be off."""
_FLAT, _LEAST = 0.05, 0.2
_STEPS, _ENOUGH, _LONGEST = 50, 1e-9, 2.0
_TRIED, _DRAWN, _FREE, _AT_ONCE = 4000, 200, 3, 2_000_000


class InLine(NamedTuple):
    """From a verifier's log-odds to such as real mistakes have shown.

    Attributes:
        mode: the likeliest shift and slope, (2,).
        draws: other ones, as often as real mistakes allow them, (D, 2).
    """

    mode: Tensor
    draws: Tensor

    def __call__(self, log_odds: Tensor) -> Tensor:
        """Of right against wrong, (q,)."""
        return _line(self.mode, log_odds)

    @property
    def borne_out(self) -> float:
        """How much of the verifier's log-odds real mistakes have borne out, from `_LEAST` to 1."""
        return min(1.0, max(_LEAST, float(self.mode[1])))

    def drawn(self, generator: torch.Generator) -> "InLine":
        """Another that real mistakes allow as well."""
        return self._replace(mode=self.draws[torch.randint(len(self.draws), (), generator=generator)])

    def all_drawn(self) -> "list[InLine]":
        """All of the draws, as lines of their own."""
        return [self._replace(mode=draw) for draw in self.draws]

    @classmethod
    def of(cls, log_odds: Tensor, right: Tensor, counts: Tensor | None = None, seed: int = 0) -> Self:
        """By log-odds (q,) of labels of which it is known whether they are right, (q,), bool.

        `counts` says how many of the training set each stands for, (q,); alike if left out. `seed` is of the draws.
        """
        weight = torch.ones_like(log_odds) if counts is None else counts / counts.square().sum() * counts.sum()
        seen = _Seen(log_odds.double(), right.double(), weight.double())
        mode, precision = seen.mode()
        root = torch.linalg.cholesky(torch.linalg.inv(precision))
        return cls(mode, seen.allowed(mode, root, torch.Generator().manual_seed(seed)))


class _Seen(NamedTuple):
    """q labels: log-odds, whether they are right, and by how much each counts, (q,) each."""

    log_odds: Tensor
    right: Tensor
    weight: Tensor

    def likely(self, lines: Tensor) -> Tensor:
        """The logarithm of how likely each of these lines (D, 2) is, (D,), up to a constant."""
        odds = _line(lines.T[:, :, None], self.log_odds)
        of_labels = F.logsigmoid((2 * self.right - 1) * odds) @ self.weight
        return of_labels - ((lines - _MEAN) / _DEVIATION).square().sum(1) / 2

    def mode(self) -> tuple[Tensor, Tensor]:
        """The likeliest line (2,), by Newton's method, and the curvature there, (2, 2)."""
        design = torch.stack([torch.ones_like(self.log_odds), self.log_odds], 1)
        thought = torch.diag(_DEVIATION.pow(-2))
        found, curved = _MEAN.clone(), thought
        for _ in range(_STEPS):
            chance = torch.sigmoid(design @ found)
            slope = design.T @ (self.weight * (chance - self.right)) + thought @ (found - _MEAN)
            curved = design.T @ (design * (self.weight * chance * (1 - chance))[:, None]) + thought
            # A line that falls would turn the order round: at the least slope the shift alone is free.
            free = 1 if float(found[1]) <= _FLAT and float(slope[1]) > 0 else 2
            step = torch.zeros(2, dtype=torch.double)
            step[:free] = torch.linalg.solve(curved[:free, :free], slope[:free])
            step = step / max(float(step.abs().max()) / _LONGEST, 1.0)  # far from the answer these steps overshoot
            after = found - step
            after[1] = after[1].clamp_min(_FLAT)
            step, found = after - found, after
            if float(step.abs().max()) < _ENOUGH:
                break
        return found, curved

    def allowed(self, mode: Tensor, root: Tensor, generator: torch.Generator) -> Tensor:
        """Lines (D, 2), as often as they are likely, by importance: a normal distribution around the mode would not do.

        Where all of a hundred labels were right the likelihood is flat at the mode, and ends at a cliff on one side of it.
        Student's distribution, by which they are tried, has longer tails than what is looked for.
        """
        normal, wide = (torch.randn(_TRIED, n, dtype=torch.double, generator=generator) for n in (2, _FREE))
        tried = normal * (_FREE / wide.square().sum(1, keepdim=True)).sqrt()
        found, proposed = mode + tried @ root.T, -(_FREE + 2) / 2 * (1 + tried.square().sum(1) / _FREE).log()
        parts = found.split(max(1, _AT_ONCE // len(self.log_odds)))
        chance = (torch.cat([self.likely(part) for part in parts]) - proposed).softmax(0)
        return found[torch.multinomial(chance, _DRAWN, replacement=True, generator=generator)]


def _line(theta: Tensor, log_odds: Tensor) -> Tensor:
    return theta[0] + theta[1].clamp_min(_FLAT) * log_odds


def look_alike(checked: Sequence[Tensor], others: Sequence[Tensor], counts: Sequence[Tensor] | None = None) -> bool:
    """Whether log-odds of checked labels and of others are alike, group by group.

    The AUROC of each group's checked labels against its others is held against one half, and the groups count by their
    precision (van Elteren, 1960).

    Args:
        checked: the log-odds of each group's checked labels.
        others: of its other ones.
        counts: for how many others each of the checked ones stands; alike if left out.
    """
    off = precision = 0.0
    each = [torch.ones_like(one) for one in checked] if counts is None else counts
    for one, other, count in zip(checked, others, each, strict=True):
        if not len(one) or not len(other):
            continue
        order = other.sort().values
        below = torch.searchsorted(order, one) + torch.searchsorted(order, one, right=True)
        area = float((below * count).sum() / count.sum()) / 2 / len(other)
        certain = 12 / (1 / effective_sample_size(count) + 1 / len(other))
        off, precision = off + certain * (area - 0.5), precision + certain
    return abs(off) <= max(_ALIKE * math.sqrt(precision), _FAR * precision)
