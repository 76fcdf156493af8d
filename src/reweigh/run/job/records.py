"""What happened to each example: how often it was seen, and what weight it got.

This is the ledger in memory: each epoch's visits are brought to a row an example once, the ledger writes those rows, and
here they are summed up as `Ledger.read` sums them up. So a run's mean weights are its ledger's, whether it keeps one or not.

A weight is *relative*: a batch of B examples in plain training gives each 1/B, so B times the weight is 1 "as in plain
training".
Alignments are in units of their batch's mean absolute alignment: they order the many examples whose weight is exactly zero.
"""

import json
from typing import Any

import numpy as np
import torch
from torch import Tensor

from reweigh.errors import require
from reweigh.ledger.collector import Collector
from reweigh.ledger.merge import Columns, no_rows
from reweigh.ledger.summary import Totals
from reweigh.ledger.visits import Array
from reweigh.metrics import auroc

_EQUAL = 1e-5  # weights of 1/B in float32, times B


class Records:
    """Sums over the epochs that are complete, a row an example of the training set: `ids` (N,) are theirs."""

    def __init__(self, ids: Tensor) -> None:
        self._ids: Array = ids.numpy()
        self._order = np.argsort(self._ids)
        self._collector, self._totals = Collector(), Totals()
        self._last: tuple[Array, Array] = np.empty(0, np.int64), np.empty(0)

    def add(
        self,
        ids: Tensor,
        weights: Tensor,
        alignments: Tensor | None = None,
        losses: Tensor | None = None,
        labels: Tensor | None = None,
    ) -> None:
        """Note one batch of the epoch at hand, (B,) each.

        An example may stand in a batch more than once (weighted sampling); each counts as a visit.
        """
        self._collector.add(ids, weights, alignments, losses, labels)

    def end_epoch(self) -> Columns:
        """The epoch's rows, for the ledger; none on other ranks than 0, and where no batch came to anything.

        Raises:
            NonFinite: if a weight is NaN or infinite, naming ids.
        """
        columns = self._collector.end_epoch() or no_rows()
        self._totals.add(columns)
        ids, weights = columns["id"], columns["weight"]
        assert ids is not None
        assert weights is not None
        self._last = ids, weights.astype(np.float64)
        return columns

    @property
    def visits(self) -> Tensor:
        """How often each example was seen, (N,)."""
        return self._of_all("visits").nan_to_num(0.0).long()

    @property
    def mean_weight(self) -> Tensor:
        """Mean relative weight over the run (N,); NaN where an example was never seen."""
        return self._of_all("mean_weight")

    @property
    def epoch_weight(self) -> Tensor:
        """Mean relative weight over the last epoch (N,); NaN where it did not come up."""
        return self._spread(*self._last)

    @property
    def mean_alignment(self) -> Tensor:
        """Mean alignment over the epochs, in units of the batches' mean absolute alignment (N,); NaN where there is none."""
        return self._of_all("mean_alignment")

    @property
    def zero_share(self) -> Tensor:
        """The share of an example's visits at which its weight was exactly zero (N,)."""
        return self._of_all("zero_share")

    def _of_all(self, name: str) -> Tensor:
        summary = self._totals.summary()
        return self._spread(summary.id, getattr(summary, name))

    def _spread(self, ids: Array, values: Array) -> Tensor:
        """Values by id as a row an example (N,) float64; NaN where there is none."""
        found = np.full(len(self._ids), np.nan)
        found[self._order[np.searchsorted(self._ids[self._order], ids)]] = values
        return torch.from_numpy(found)

    def state_dict(self) -> dict[str, Any]:
        """All sums, as tensors."""
        return {
            "totals": self._totals.state_dict(),
            "last": tuple(torch.from_numpy(part.copy()) for part in self._last),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take the sums back.

        Raises:
            ValueError: if they are about other examples.
        """
        ids = state["totals"]["ids"].numpy()
        if not np.isin(ids, self._ids).all():
            raise ValueError("its records are about other examples")
        self._totals.load_state_dict(state["totals"])
        last, weights = state["last"]
        self._last = last.numpy().copy(), weights.numpy().copy()


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
    given: Tensor | list[str],
    true: Tensor | list[str],
    classes: tuple[str, ...],
    names: Any = None,
) -> memoryview:
    """The records as a Parquet file, a row an example; what has no value is null.

    Columns: `id`, `name` where `names` (N,) are given (a list or an Arrow array), `given_label`, `true_label` (the same
    where the truth is not known), `mean_weight`, `last_epoch_weight`, `mean_alignment`, `zero_share`, `visits`. Labels are
    class numbers, numbers, texts, or lists of zeros and ones or of numbers. The class names stand in the file's metadata
    under `classes` as a JSON list.
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


def _labels(y: Tensor | list[str]) -> Any:
    pa = require("pyarrow", "cli")
    if isinstance(y, list):
        return pa.array(y, pa.string())
    if y.ndim > 1:
        flags = bool(((y == 0) | (y == 1)).all())
        kind = pa.int8() if flags else pa.float64() if y.is_floating_point() else pa.int64()
        return pa.array((y.to(torch.int8) if flags else y).tolist(), type=pa.list_(kind))
    return pa.array(y.numpy(), type=pa.float64() if y.is_floating_point() else pa.int32())
