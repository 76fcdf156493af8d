"""How much better one model is than another on the same test examples, and how sure that is.

Both are asked about the same examples, so the difference is resampled with its examples in pairs (the bootstrap; Efron and
Tibshirani, 1993, chapter 6). A few examples can agree by luck, and a bootstrap then sees no spread at all; so the spread is
never taken below that of examples of which one more was won and one more lost (Agresti and Min, 2005), and Student's t takes
the place of the normal distribution.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from reweigh.errors import require
from reweigh.run.choice.scoring import RESAMPLES, Floats, Score, least_deviation, resampled

LEVEL = 0.95


@dataclass(frozen=True)
class Difference:
    """A difference of two scores on `count` examples, and half the width of its interval.

    Attributes:
        value: the first model's score less the second's.
        margin: the interval goes from `value - margin` to `value + margin`; infinite where nothing can be said.
        count: of how many test examples.
    """

    value: float
    margin: float
    count: int

    @property
    def low(self) -> float:
        """The lower end."""
        return self.value - self.margin

    @property
    def high(self) -> float:
        """The upper end."""
        return self.value + self.margin

    @property
    def needed(self) -> int | None:
        """How many more examples would put 0 outside the interval, if the difference is what it seems; None: no number.

        An interval narrows with the square root of the number of examples.
        """
        if not math.isfinite(self.margin) or self.value == 0:
            return None
        return max(0, math.ceil(self.count * (self.margin / self.value) ** 2) - self.count)


def differences(
    score: Score, ours: Tensor, others: Sequence[Tensor], y: Tensor, *, level: float = LEVEL, seed: int = 0
) -> list[Difference]:
    """How a model's score differs from each of several others', with intervals, all on the same resamples.

    Args:
        score: what counts.
        ours, others: outputs (N, K) of the models for the same examples.
        y: their targets (N, ...).
        level: how often such an interval holds the truth.
        seed: of the resampling.
    """
    count, generator = len(y), np.random.default_rng(seed)
    draws = (torch.from_numpy(generator.integers(0, count, count)) for _ in range(RESAMPLES if count > 1 else 0))
    scores = resampled(score, [ours, *others], y, draws)
    return [_difference(gaps, count, level) for gaps in (scores[:, :1] - scores[:, 1:]).T]


def _difference(gaps: Floats, count: int, level: float) -> Difference:
    """From the gap of two scores on `count` examples, and on resamples of these, (1 + R,)."""
    value = float(gaps[0])
    if count < 2 or not math.isfinite(value):
        return Difference(value if math.isfinite(value) else 0.0, math.inf, count)
    spread = gaps[1:][np.isfinite(gaps[1:])]
    deviation = max(float(spread.std(ddof=1)) if len(spread) > 1 else math.inf, least_deviation(count))
    quantile = float(require("scipy.stats", "cli").t.ppf((1 + level) / 2, count - 1))
    return Difference(value, quantile * deviation, count)
