"""`ReweighRegressor`: a scikit-learn regressor that learns which of its training rows to trust."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import RegressorMixin
from sklearn.utils.validation import validate_data
from torch import Tensor

from reweigh.errors import BadInput
from reweigh.hosts.sklearn.base import ACCEPTED, ReweighEstimator
from reweigh.hosts.sklearn.clean_rows import named_rows, one_clean_source
from reweigh.tasks import task_of

_TO_DEVIATION = 1.349
"""The interquartile range of a normal distribution in standard deviations."""


class ReweighRegressor(RegressorMixin, ReweighEstimator):  # type: ignore[misc]
    """A neural regressor whose training rows are weighted such that each step lowers the loss on a clean set.

    Parameters, attributes and the clean set are those of `ReweighClassifier`, with these differences: rules of classes
    ("class-aware", "proportion", "resampling", "hard-mining") and of rightness ("verifier", "right-and-helpful") do not
    apply, and "auto" is "l2rw" where each row has several targets; the module makes (B, targets), or (B,) for one target;
    `loss` is given outputs and targets (B, targets), by default the squared error, averaged over targets. With
    `standardize` the targets are standardised too, by median and interquartile range, which a quarter of wrong values
    cannot move far, and predictions are brought back.
    """

    def fit(self, X: Any, y: Any, *, clean: Any = None, X_clean: Any = None, y_clean: Any = None) -> Self:
        """Train on X (N, features), dense or sparse, and targets y (N,) or (N, targets)."""
        one_clean_source(clean, X_clean, y_clean)
        given_X, given_y = X, y
        X, y = validate_data(self, X, y, ensure_min_samples=2, multi_output=True, y_numeric=True, **ACCEPTED)
        self._one_target, targets = y.ndim == 1, _columns(y)
        self._targets = _Targets.of(targets) if self.standardize else None
        named = None if clean is None else named_rows(clean, len(targets), X=given_X, y=given_y)
        given = None if X_clean is None else self._given(X_clean, y_clean, targets.shape[1])
        loss, made = self.loss or _squared_error, self._tensor(targets)
        task = task_of(made.flatten(), ("y",)) if targets.shape[1] == 1 else None
        self._fit(X, made, named, given, outputs=targets.shape[1], counts=None, loss=loss, task=task)
        return self

    def predict(self, X: Any) -> np.ndarray[Any, Any]:
        """The predicted targets, of the shape of y."""
        outputs = self._outputs(X).astype(np.float64)
        if self._targets is not None:
            outputs = outputs * self._targets.scale + self._targets.centre
        return outputs[:, 0] if self._one_target else outputs

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.single_output, tags.target_tags.multi_output = True, True
        return tags

    def _tensor(self, targets: np.ndarray[Any, Any]) -> Tensor:
        if self._targets is not None:
            targets = (targets - self._targets.centre) / self._targets.scale
        return torch.from_numpy(np.ascontiguousarray(targets, dtype=np.float32))

    def _given(self, X_clean: Any, y_clean: Any, targets: int) -> tuple[Any, Tensor]:
        X_clean, y_clean = validate_data(
            self, X_clean, y_clean, reset=False, multi_output=True, y_numeric=True, **ACCEPTED
        )
        if _columns(y_clean).shape[1] != targets:
            raise BadInput(f"y_clean has {_columns(y_clean).shape[1]} targets a row, but y has {targets}")
        return X_clean, self._tensor(_columns(y_clean))


@dataclass(frozen=True)
class _Targets:
    """Centre and scale of the targets, (targets,) each, float64."""

    centre: np.ndarray[Any, Any]
    scale: np.ndarray[Any, Any]

    @classmethod
    def of(cls, y: np.ndarray[Any, Any]) -> "_Targets":
        low, centre, high = np.quantile(y, [0.25, 0.5, 0.75], axis=0)
        # Where more than half of the targets are equal, the standard deviation; where all are, one.
        scale = np.where(high > low, (high - low) / _TO_DEVIATION, y.std(0))
        return cls(centre, np.where(scale > 0, scale, 1.0))


def _columns(y: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return y.reshape(len(y), -1).astype(np.float64)


def _squared_error(outputs: Tensor, targets: Tensor) -> Tensor:
    return (outputs.reshape(targets.shape) - targets).square().mean(1)
