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
    classes = outputs[0].shape[1]
    drawn = torch.cat([torch.ones(1, len(y)), _counts(y, generator)]).double() * weights.double()
    truth = F.one_hot(y, classes).double()
    there = truth.sum(0) > 0  # a class without an example says nothing
    found = []
    for said in outputs:
        predicted = F.one_hot(said.argmax(1), classes).double()
        hit, made, wanted = (drawn @ part for part in (truth * predicted, predicted, truth))
        found.append((2 * hit / (made + wanted).clamp_min(1e-12))[:, there].mean(1))
    return np.asarray(torch.stack(found, 1).numpy())


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
