"""Scores of several ways on the same held-back examples, and on resamples of these, in which the same examples are drawn.

Of classes the score is macro F1, with a weight for each example: how likely its label is right, or how many examples of the
training set a checked one of its class stands for. Of other tasks it is the task's own.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import chain

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from reweigh.tasks import Task

Floats = npt.NDArray[np.float64]
RESAMPLES = 200
DOUBT = 1.0
"""How far the log-odds that a label is right may be off where only one of two ways says it, as the verifier has them."""
Score = Callable[[Tensor, Tensor], float]
"""From outputs (N, K) and targets (N, ...) to a number of which more is better."""


def macro_f1(outputs: Sequence[Tensor], y: Tensor, weights: Tensor, generator: torch.Generator) -> Floats:
    """Of each way, (1 + R, ways): on the examples as they are, then on R resamples, drawn within each class.

    Args:
        outputs: (n, K) of each way.
        y: labels (n,).
        weights: of the examples, (n,).
        generator: of the resampling.
    """
    drawn = torch.cat([torch.ones(1, len(y)), _counts(y, generator)]).double() * weights.double()
    return np.asarray(torch.stack([_weighted_f1(said, y, drawn) for said in outputs], 1).numpy())


def _weighted_f1(said: Tensor, y: Tensor, weights: Tensor) -> Tensor:
    """Macro F1 of outputs (n, K) with each row of weights (R, n), (R,)."""
    truth, predicted = (F.one_hot(labels, said.shape[1]).double() for labels in (y, said.argmax(1)))
    hit, made, wanted = (weights @ part for part in (truth * predicted, predicted, truth))
    there = truth.sum(0) > 0  # a class without an example says nothing
    return (2 * hit / (made + wanted).clamp_min(1e-12))[:, there].mean(1)


def doubt(outputs: Sequence[Tensor], base: int, y: Tensor, right: Tensor, borne_out: float = 1.0) -> Floats:
    """How far off the gap in macro F1 between each way and the one at `base` may be, (ways,), whatever the number of labels.

    A way that was trained on labels says those of its neighbours, wrong ones too where mistakes look like the truth; then a
    label is right less often than is thought where only that way says it. So the odds of these labels are changed to and fro
    (Rosenbaum, 2002, chapter 4), by more where real mistakes have shown that the verifier takes them for the truth. Where
    hardly a label is unsure, or both ways say the same, nothing moves.

    Args:
        outputs: (n, K) of each way.
        base: which of them the others are compared with.
        y: given labels (n,).
        right: how likely each is right, (n,).
        borne_out: how much of the verifier's log-odds real mistakes have borne out, in (0, 1].
    """
    off = DOUBT / borne_out
    says = torch.stack([said.argmax(1) == y for said in outputs]).double()
    odds, found = torch.logit(right.double(), eps=1e-9), []
    for said, own in zip(outputs, says, strict=True):
        weights = torch.stack([torch.sigmoid(odds + sign * off * (own - says[base])) for sign in (1, -1)])
        up, down = (_weighted_f1(said, y, weights) - _weighted_f1(outputs[base], y, weights)).tolist()
        found.append(abs(up - down) / 2)
    return np.asarray(found)


def of_task(task: Task, outputs: Sequence[Tensor], y: Tensor, generator: torch.Generator) -> Floats:
    """The task's own score of each way, (1 + R, ways), likewise."""
    draws = (torch.randint(len(y), (len(y),), generator=generator) for _ in range(RESAMPLES))
    return resampled(score_of(task), outputs, y, draws)


def resampled(score: Score, outputs: Sequence[Tensor], y: Tensor, draws: Iterable[Tensor]) -> Floats:
    """A score of each way, (1 + R, ways): on the examples as they are, then on the rows (n,) of each draw."""
    every = chain([torch.arange(len(y))], draws)
    return np.asarray([[score(said[rows], y[rows]) for said in outputs] for rows in every])


def score_of(task: Task) -> Score:
    """The score by which ways to a model are compared."""
    return task.compare


def least_deviation(count: int) -> float:
    """Of the difference of two shares on so many examples, which may agree by luck.

    As if, where not one example told two models apart, one more each way had been seen (Agresti and Min, 2005).
    """
    return math.sqrt(2) / (count + 2)


def _counts(y: Tensor, generator: torch.Generator) -> Tensor:
    """How often each example is drawn in each resample, (R, n): as many of each class as there are."""
    found = torch.zeros(RESAMPLES, len(y))
    for label in y.unique():
        rows = (y == label).nonzero().flatten()
        drawn = torch.randint(len(rows), (RESAMPLES, len(rows)), generator=generator)
        found[:, rows] = F.one_hot(drawn, len(rows)).sum(1).float()
    return found
