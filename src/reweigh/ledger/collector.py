"""An epoch's visits of all ranks, collected in memory and brought to one row an example when the epoch ends."""

from typing import Any

from reweigh import distributed
from reweigh.ledger.merge import Columns, merged
from reweigh.ledger.visits import Pending, joined


class Collector:
    """The visits of the epoch at hand. With several ranks each has one, and calls `add` and `end_epoch`."""

    def __init__(self) -> None:
        self._pending = Pending()

    def add(self, ids: Any, weights: Any, alignments: Any = None, losses: Any = None, labels: Any = None) -> None:
        """Note one batch, as `Ledger.add` does."""
        self._pending.add(ids, weights, alignments, losses, labels)

    def end_epoch(self) -> Columns | None:
        """A row an example, as `merged` gives them, on rank 0; None on the others, and where no rank has noted a batch.

        Raises:
            NonFinite: if a weight is NaN or infinite, naming ids.
        """
        ranks = distributed.gathered(self._pending.take())
        seen = [visits for visits in ranks or () if visits is not None]
        return merged(joined(seen)) if seen else None
