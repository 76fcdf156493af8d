"""Rows of a table as batches: made dense, standardised and turned into float32 a batch at a time.

So a sparse matrix never becomes dense as a whole, and a large dense one is not copied.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.sparse import issparse
from sklearn.preprocessing import StandardScaler
from torch import Tensor
from torch.utils.data import Dataset

from reweigh._types import Batch


@dataclass(frozen=True)
class Scaling:
    """What is taken from each column, and what it is divided by: both of shape (features,), float64."""

    mean: np.ndarray[Any, Any]
    scale: np.ndarray[Any, Any]

    @classmethod
    def of(cls, X: Any) -> "Scaling":
        """Mean and standard deviation of the columns of (N, features); constant columns are divided by one."""
        fitted = StandardScaler(with_mean=not issparse(X)).fit(X)
        return cls(np.asarray(fitted.mean_, dtype=np.float64), np.asarray(fitted.scale_, dtype=np.float64))

    def __call__(self, dense: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Rows on the scale that the module is trained on."""
        scaled: np.ndarray[Any, Any] = (dense - self.mean) / self.scale
        return scaled


def inputs(X: Any, rows: Any, scaling: Scaling | None) -> Tensor:
    """These rows of X as a dense tensor (B, features), float32."""
    dense = X[rows].toarray() if issparse(X) else np.asarray(X[rows])
    if scaling is not None:
        dense = scaling(dense)
    return torch.from_numpy(np.ascontiguousarray(dense, dtype=np.float32))


class Rows(Dataset[Any]):
    """A table (N, features) with its targets (N, ...), as batches {"x", "y", "id"}; the ids count from `first`."""

    def __init__(self, X: Any, y: Tensor, scaling: Scaling | None, first: int = 0) -> None:
        self.X, self.y, self.scaling, self.ids = X, y, scaling, torch.arange(first, first + len(y))

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, row: int) -> Batch:
        return {key: value[0] for key, value in self.batch(torch.tensor([row])).items()}

    def batch(self, rows: Tensor) -> dict[str, Tensor]:
        """The rows of these numbers (B,)."""
        return {"x": inputs(self.X, rows.numpy(), self.scaling), "y": self.y[rows], "id": self.ids[rows]}

    @property
    def first(self) -> Tensor:
        """The inputs of the first row, (1, ...): what they are like."""
        return self.batch(torch.arange(1))["x"]

    def select(self, rows: np.ndarray[Any, Any]) -> "Rows":
        """These rows alone, with the ids that they have."""
        chosen = Rows(self.X[rows], self.y[torch.from_numpy(rows)], self.scaling)
        chosen.ids = self.ids[torch.from_numpy(rows)]
        return chosen
