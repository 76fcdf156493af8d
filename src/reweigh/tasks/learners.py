"""Learners of scikit-learn, asked for outputs as a model gives them, so that a task scores them as it scores a model."""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

_LEAST = 1e-12  # a probability of zero has no logarithm


class Learner(Protocol):
    """Something to compare a model with."""

    def fit(self, x: Any, y: Tensor, weights: Any = None) -> None:
        """Learn from inputs (N rows) and the task's targets (N, ...), each as far as its weight (N,) says."""

    def outputs(self, x: Any) -> Tensor:
        """What it says of inputs (N rows), in the shape of a model's outputs: (N, K) float32."""


class OfClasses:
    """A classifier; its outputs are log-probabilities (N, C), the least for a class that it never saw."""

    def __init__(self, make: Callable[[], Any], classes: int) -> None:
        self._make, self._classes = make, classes

    def fit(self, x: Any, y: Tensor, weights: Any = None) -> None:
        """Learn; of one class only there is nothing to learn."""
        self._seen = torch.unique(y)
        self._fitted = _fitted(self._make(), x, y, weights) if len(self._seen) > 1 else None

    def outputs(self, x: Any) -> Tensor:
        """(N, C)."""
        found = np.full((len(x), self._classes), _LEAST)
        found[:, self._seen.numpy()] = 1.0 if self._fitted is None else self._fitted.predict_proba(x)
        return torch.from_numpy(np.log(found.clip(_LEAST))).float()


class OfLabels:
    """A classifier for each label; its outputs are log-odds (N, L)."""

    def __init__(self, make: Callable[[], Any], labels: int) -> None:
        self._each = [OfClasses(make, 2) for _ in range(labels)]

    def fit(self, x: Any, y: Tensor, weights: Any = None) -> None:
        """Learn each label by itself."""
        for label, learner in enumerate(self._each):
            learner.fit(x, y[:, label].long(), weights)

    def outputs(self, x: Any) -> Tensor:
        """(N, L)."""
        both = [learner.outputs(x) for learner in self._each]
        return torch.stack([one[:, 1] - one[:, 0] for one in both], dim=1)


class OfNumbers:
    """A regressor on standardised targets; its outputs are (N, 1)."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make

    def fit(self, x: Any, y: Tensor, weights: Any = None) -> None:
        """Learn; a linear layer on a text's pieces wants two rows at least."""
        self._fitted = _fitted(self._make(), x, y, weights)

    def outputs(self, x: Any) -> Tensor:
        """(N, 1)."""
        return torch.from_numpy(np.asarray(self._fitted.predict(x), dtype=np.float32))[:, None]


def _fitted(model: Any, x: Any, y: Tensor, weights: Any) -> Any:
    """The model, fitted; the weights of a pipeline are its last step's."""
    if weights is None:
        return model.fit(x, y.numpy())
    steps = getattr(model, "steps", None)
    return model.fit(x, y.numpy(), **{"sample_weight" if steps is None else f"{steps[-1][0]}__sample_weight": weights})
