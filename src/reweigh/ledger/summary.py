"""What a ledger says of each example in a few numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch

from reweigh.arrow import pa
from reweigh.ledger.visits import Array


@dataclass(frozen=True)
class Summary:
    """One row an example that was ever seen, ascending by id: (N,) each; NaN for what is not known.

    Attributes:
        id: int64.
        given_label: its label in the last epoch that had it.
        epochs: in how many epochs it came up.
        visits: how often it came up.
        mean_weight: mean relative weight over its visits; 1 is as in plain training.
        zero_share: the share of its visits at which its weight was zero.
        zero_epochs: the share of its epochs in which its weight was zero at every visit.
        trend: slope of its weight over the epochs (least squares), in relative weight an epoch; NaN below two epochs.
        last_weight: its weight in the last epoch that had it.
        mean_alignment: mean over the epochs, in units of the batches' mean absolute alignment.
        mean_loss: mean over the epochs.
        last_loss: of the last epoch that had it.
    """

    id: Array
    given_label: Array
    epochs: Array
    visits: Array
    mean_weight: Array
    zero_share: Array
    zero_epochs: Array
    trend: Array
    last_weight: Array
    mean_alignment: Array
    mean_loss: Array
    last_loss: Array

    def __len__(self) -> int:
        """How many examples there are, N."""
        return len(self.id)

    def table(self) -> Any:
        """The same as a `pyarrow.Table`, with null for NaN."""
        return pa.table({f.name: pa.array(getattr(self, f.name), from_pandas=True) for f in fields(self)})


_SUMS = (
    "visits", "zeros", "epochs", "zero_epochs", "weights", "alignments", "aligned", "losses", "lossy",
    "t", "tt", "w", "tw", "last_weight", "last_loss", "given_label",
)  # fmt: skip


class Totals:
    """Sums over the epochs, for ids that need not be the same in each."""

    def __init__(self) -> None:
        self._ids: Array = np.empty(0, dtype=np.int64)
        self._sums: dict[str, Array] = {name: np.empty(0) for name in _SUMS}
        self._epoch = 0

    def add(self, columns: Mapping[str, Any]) -> None:
        """Add the next epoch: columns as a part has them, ascending by id; labels may be None."""
        self._epoch += 1
        at, t, sums = self._places(columns["id"]), self._epoch, self._sums
        visits, zeros, weight = columns["visits"], columns["zeros"], columns["weight"].astype(np.float64)
        once = np.ones(len(weight))
        for name, values in {
            "visits": visits, "zeros": zeros, "epochs": once, "zero_epochs": zeros == visits, "weights": weight * visits,
            "t": t * once, "tt": t * t * once, "w": weight, "tw": t * weight,
        }.items():  # fmt: skip
            sums[name][at] += values
        for name, count, values in (
            ("alignments", "aligned", columns["alignment"]),
            ("losses", "lossy", columns["loss"]),
        ):
            known = ~np.isnan(values)
            sums[name][at] += np.where(known, values, 0)
            sums[count][at] += known
        sums["last_weight"][at], sums["last_loss"][at] = weight, columns["loss"]
        labels = columns["given_label"]
        sums["given_label"][at] = np.nan if labels is None else labels

    def state_dict(self) -> dict[str, Any]:
        """All sums, as tensors."""
        sums = {name: torch.from_numpy(values.copy()) for name, values in self._sums.items()}
        return {"ids": torch.from_numpy(self._ids.copy()), "sums": sums, "epoch": self._epoch}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take the sums back."""
        self._ids, self._epoch = state["ids"].numpy().copy(), int(state["epoch"])
        self._sums = {name: state["sums"][name].numpy().copy() for name in _SUMS}

    def summary(self) -> Summary:
        """Means, shares and slopes of what was added."""
        sums = self._sums
        with np.errstate(invalid="ignore", divide="ignore"):
            return Summary(
                id=self._ids,
                given_label=_whole(sums["given_label"]),
                epochs=sums["epochs"].astype(np.int32),
                visits=sums["visits"].astype(np.int64),
                mean_weight=sums["weights"] / sums["visits"],
                zero_share=sums["zeros"] / sums["visits"],
                zero_epochs=sums["zero_epochs"] / sums["epochs"],
                trend=_slope(sums),
                last_weight=sums["last_weight"],
                mean_alignment=sums["alignments"] / sums["aligned"],
                mean_loss=sums["losses"] / sums["lossy"],
                last_loss=sums["last_loss"],
            )

    def _places(self, ids: Array) -> Array | slice:
        """Where each id's sums are, once there is room for all of them."""
        if np.array_equal(ids, self._ids):
            return slice(None)
        together = np.union1d(self._ids, ids)
        if len(together) > len(self._ids):
            old = np.searchsorted(together, self._ids)
            for name, values in self._sums.items():
                self._sums[name] = np.zeros(len(together))
                self._sums[name][old] = values
            self._ids = together
        return np.searchsorted(together, ids)


def _slope(sums: Mapping[str, Array]) -> Array:
    n = sums["epochs"]
    spread = n * sums["tt"] - sums["t"] ** 2
    slope: Array = np.where(n >= 2, (n * sums["tw"] - sums["t"] * sums["w"]) / spread, np.nan)
    return slope


def _whole(labels: Array) -> Array:
    """Labels as whole numbers where they are: class numbers passed through float64."""
    return labels.astype(np.int64) if bool((labels == np.floor(labels)).all()) else labels
