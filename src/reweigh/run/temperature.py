"""A temperature by which a model's outputs are divided, so that its probabilities are as often right as they say.

Networks are too sure of themselves, the more so where they have learnt wrong labels by heart (Guo et al., ICML 2017). One
number is found on examples that had no part in training and whose labels are right; it changes no prediction.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from reweigh.tasks import Task

FEWEST = 20
"""Examples that one number can be found by."""
_SPREAD = 0.5
"""Of log temperatures, before anything is seen: some examples that are all right do not make a model sure of everything."""
_WIDEST, _ROUNDS = math.log(20), 60


@dataclass(frozen=True)
class Temperature:
    """As it stands in a run's summary.

    Attributes:
        value: what outputs are divided by; None where there were too few examples.
        examples: how many held-back examples there were.
    """

    value: float | None
    examples: int

    @classmethod
    def of(cls, task: Task, outputs: Tensor, y: Tensor) -> "Temperature | None":
        """From outputs (N, K) and targets (N, ...) of held-back examples.

        None of a task without probabilities, or where they are made of outputs in another way than one for each.
        """
        if task.outputs != len(task.classes) or task.probabilities(outputs[:1]) is None:
            return None
        if len(y) < FEWEST:
            return cls(None, len(y))
        outputs = outputs.double()

        def cost(log_value: float) -> float:
            loss = float(task.losses(outputs / math.exp(log_value), y.double() if y.is_floating_point() else y).sum())
            return loss + log_value**2 / (2 * _SPREAD**2)

        return cls(math.exp(_lowest(cost, -_WIDEST, _WIDEST)), len(y))

    @classmethod
    def from_summary(cls, summary: dict[str, Any]) -> "Temperature | None":
        """The one that was found; None in a run that has none."""
        told = summary.get("temperature")
        return None if told is None else cls(told["value"], told["examples"])

    def probabilities(self, task: Task, outputs: Tensor) -> Tensor | None:
        """(N, C), calibrated where that can be."""
        return task.probabilities(outputs if self.value is None else outputs / self.value)

    def sentence(self) -> str:
        """What is to be said of probabilities."""
        if self.value is None:
            return f"probabilities are as the model gives them: {self.examples} held-back examples are too few to calibrate"
        return f"probabilities are calibrated on {self.examples} held-back examples (temperature {self.value:.2f})"


def _lowest(cost: Any, low: float, high: float) -> float:
    """Where a function with one valley is lowest, by golden sections."""
    share = (math.sqrt(5) - 1) / 2
    for _ in range(_ROUNDS):
        left, right = high - share * (high - low), low + share * (high - low)
        low, high = (low, right) if cost(left) < cost(right) else (left, high)
    return (low + high) / 2


def calibration_error(probabilities: Tensor, y: Tensor, bins: int = 15) -> float:
    """How far the probability of the predicted class is from how often it is right, mean over equally wide bins.

    Args:
        probabilities: (N, C).
        y: the classes, (N,).
        bins: how many.
    """
    sure, said = probabilities.double().max(1)
    right, which = (said == y).double(), (sure * bins).long().clamp_max(bins - 1)
    gap = torch.zeros(bins, dtype=torch.double).index_add_(0, which, sure - right)
    return float(gap.abs().sum() / len(y))
