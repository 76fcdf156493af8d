"""What happened to each example: how often it was seen, and what weight it got.

Weights are kept as multiples of the plain weight: a batch of B examples in plain training gives each 1/B, so
an example's *relative* weight is B times its weight, 1 means "as in plain training", and numbers from batches of
different sizes can be averaged. Beside the weights stand the alignments, in units of their batch's mean absolute
alignment: they order the many examples whose weight is exactly zero.
"""

import json
from typing import Any

import torch
from torch import Tensor

from reweigh.errors import require
from reweigh.metrics import auroc

_EQUAL = 1e-5  # weights of 1/B in float32, times B


class Records:
    """Sums over visits, one row an example of the training set (N rows)."""

    def __init__(self, count: int) -> None:
        self.visits = torch.zeros(count, dtype=torch.int32)
        self.zeros = torch.zeros(count, dtype=torch.int32)
        self.weights = torch.zeros(count, dtype=torch.float64)
        self.alignments = torch.zeros(count, dtype=torch.float64)
        self.aligned = torch.zeros(count, dtype=torch.int32)
        self.epoch_visits = torch.zeros(count, dtype=torch.int32)
        self.epoch_weights = torch.zeros(count, dtype=torch.float64)

    def start_epoch(self) -> None:
        """Forget the last epoch's own sums; the run's sums stay."""
        self.epoch_visits.zero_()
        self.epoch_weights.zero_()

    def add(self, rows: Tensor, weights: Tensor, alignments: Tensor | None) -> None:
        """Note one batch: rows (B,) of the training set, weights (B,), alignments (B,) where there are any.

        A row may stand in a batch more than once (weighted sampling); each counts as a visit.
        """
        relative = weights.detach().cpu().double() * len(rows)
        ones = torch.ones_like(rows, dtype=torch.int32)
        self.visits.index_add_(0, rows, ones)
        self.epoch_visits.index_add_(0, rows, ones)
        self.zeros.index_add_(0, rows, (relative == 0).int())
        self.weights.index_add_(0, rows, relative)
        self.epoch_weights.index_add_(0, rows, relative)
        if alignments is not None:
            values = alignments.detach().cpu().double()
            self.alignments.index_add_(0, rows, values / values.abs().mean().clamp_min(1e-300))
            self.aligned.index_add_(0, rows, ones)

    @property
    def mean_weight(self) -> Tensor:
        """Mean relative weight over the run (N,); NaN where an example was never seen."""
        return self.weights / self.visits

    @property
    def epoch_weight(self) -> Tensor:
        """Mean relative weight over the last epoch (N,); NaN where it did not come up."""
        return self.epoch_weights / self.epoch_visits

    @property
    def mean_alignment(self) -> Tensor:
        """Mean alignment in units of its batch's mean absolute alignment (N,); NaN where there is none."""
        return self.alignments / self.aligned

    @property
    def zero_share(self) -> Tensor:
        """The share of an example's visits at which its weight was exactly zero (N,)."""
        return self.zeros / self.visits

    def state_dict(self) -> dict[str, Tensor]:
        """All sums, as tensors."""
        return {name: value.clone() for name, value in vars(self).items()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take the sums back."""
        for name, value in vars(self).items():
            value.copy_(state[name])


def noise_auroc(weights: Tensor, corrupted: Tensor) -> float:
    """How well low weights (N,) find the corrupted examples (N,), among those that were seen.

    NaN where nothing is known to be corrupted, or all weights are equal (they were not asked to tell).
    """
    seen = ~weights.isnan()
    weights, corrupted = weights[seen], corrupted[seen]
    if len(weights) == 0 or bool((weights - weights[0]).abs().max() < _EQUAL):
        return float("nan")
    return auroc(-weights, corrupted)


def most_distrusted(records: Records, count: int) -> Tensor:
    """The rows (count,) with the lowest mean weight, the lowest mean alignment first among equals."""
    weights, alignments = records.mean_weight, records.mean_alignment
    weights = torch.where(weights.isnan(), torch.inf, weights)
    by_alignment = torch.where(alignments.isnan(), torch.inf, alignments).argsort(stable=True)
    return by_alignment[weights[by_alignment].argsort(stable=True)][:count]


def parquet(
    records: Records,
    ids: Tensor,
    given: Tensor,
    true: Tensor,
    classes: tuple[str, ...],
    names: Any = None,
) -> memoryview:
    """The records as a Parquet file, a row an example; what has no value is null.

    Columns: `id`, `name` where `names` (N,) are given (a list or an Arrow array), `given_label`, `true_label` (the same
    where the truth is not known), `mean_weight`, `last_epoch_weight`, `mean_alignment`, `zero_share`, `visits`. Labels are
    class numbers, numbers, or lists of zeros and ones or of numbers. The class names stand in the file's metadata under
    `classes` as a JSON list.
    """
    pa, parquet_file = require("pyarrow", "cli"), require("pyarrow.parquet", "cli")

    def floats(values: Tensor) -> object:
        return pa.array(values.numpy(), type=pa.float64(), from_pandas=True)

    table = pa.table(
        {
            "id": pa.array(ids.numpy(), type=pa.int64()),
            **({} if names is None else {"name": pa.array(names, type=pa.string())}),
            "given_label": _labels(given),
            "true_label": _labels(true),
            "mean_weight": floats(records.mean_weight),
            "last_epoch_weight": floats(records.epoch_weight),
            "mean_alignment": floats(records.mean_alignment),
            "zero_share": floats(records.zero_share.double()),
            "visits": pa.array(records.visits.numpy(), type=pa.int64()),
        }
    ).replace_schema_metadata({"classes": json.dumps(classes)})
    sink = pa.BufferOutputStream()
    parquet_file.write_table(table, sink)
    return memoryview(sink.getvalue())


def _labels(y: Tensor) -> Any:
    pa = require("pyarrow", "cli")
    if y.ndim > 1:
        flags = bool(((y == 0) | (y == 1)).all())
        kind = pa.int8() if flags else pa.float64() if y.is_floating_point() else pa.int64()
        return pa.array((y.to(torch.int8) if flags else y).tolist(), type=pa.list_(kind))
    return pa.array(y.numpy(), type=pa.float64() if y.is_floating_point() else pa.int32())
