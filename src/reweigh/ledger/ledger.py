"""The ledger: which example got which weight in which epoch, written while a model trains.

    ledger = Ledger("runs/mine/ledger")
    for epoch in range(epochs):
        for batch in train_loader:
            losses, weights = reweigher.backward(batch)
            ledger.add(batch["id"], weights, reweigher.report.alignments, losses, batch["y"])
            ...
        ledger.end_epoch()

An example is known by its id, any 64-bit whole number that stays the same from epoch to epoch. The folder holds
`epoch-00001.parquet` and so on, one row an example and one row group an epoch. pandas, polars and DuckDB read the folder
as it is; `Ledger.read` sums it up.

Columns of a part: `epoch`; `id`; `visits` (how often it came up in the epoch); `zeros` (how often with weight zero);
`weight` (mean over its visits, times the batch size: 1 is as in plain training); `alignment` (in units of its batch's mean
absolute alignment); `loss`; `given_label`. What is not known is null.
"""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from reweigh import distributed
from reweigh.digests import Digests
from reweigh.errors import BadInput, require
from reweigh.ledger.collector import Collector
from reweigh.ledger.history import History
from reweigh.ledger.merge import Columns
from reweigh.ledger.parts import epochs_in, part_path, remove, write_part
from reweigh.ledger.summary import Summary
from reweigh.storage import make_folder
from reweigh.tokens import mean_of_tokens, weights_of_examples


class Ledger:
    """Writes one Parquet file an epoch into the folder `path`.

    Args:
        path: the folder; made if it is not there.
        epochs_done: None for a new ledger; on a resume, how many epochs the checkpoint has. Parts of later epochs, which
            will be trained again, are taken away.
        run: a mark of the training run, kept in each part, so that parts of two runs are never taken for one.
        digests: those of the run's folder, which then has each part's as well.

    With several ranks every rank makes a ledger and calls `add` and `end_epoch`; rank 0 writes what all have seen.

    Raises:
        BadInput: if the folder holds a ledger and `epochs_done` is not given, or lacks an epoch that was done.
        ReweighError: if the folder cannot be written.
        MissingExtra: if pyarrow is not installed.
    """

    def __init__(
        self, path: Path | str, *, epochs_done: int | None = None, run: str = "", digests: Digests | None = None
    ) -> None:
        require("pyarrow.parquet", "cli")  # now rather than after an epoch
        self.path, self.run, self.epochs_done = Path(path), run, epochs_done or 0
        self._digests, self._collector = digests, Collector()
        if distributed.rank() == 0:
            self._take_possession(new=epochs_done is None)

    def add(
        self,
        ids: Any,
        weights: Any,
        alignments: Any = None,
        losses: Any = None,
        labels: Any = None,
        *,
        counts: Any = None,
    ) -> None:
        """Note one batch of B examples, each argument (B,): tensors on any device, arrays or lists; nothing is kept alive.

        Of tokens, weights, alignments and losses are (B, T), and `counts` (B, T) says which of them count, as
        `reweigher.report.counts` does: each example's means over those are noted, weights in units of a plain token's.

        `weights` are those that multiply the losses, as `Reweigher.weigh` returns them. `labels` are the given ones, class
        numbers or real targets.

        Raises:
            BadInput: if the lengths differ or the ids are not whole numbers.
        """
        if counts is not None:
            weights, alignments, losses = _of_examples(counts, weights, alignments, losses)
        self._collector.add(ids, weights, alignments, losses, labels)

    def end_epoch(self) -> Path:
        """Write the epoch's part, whole or not at all, and return its path.

        Raises:
            BadInput: if no batch was noted since the last epoch.
            NonFinite: if a weight is NaN or infinite, naming ids.
            ReweighError: if the disk refuses.
        """
        columns = self._collector.end_epoch()
        if columns is None and distributed.rank() == 0:
            epoch = self.epochs_done + 1
            raise BadInput(f"epoch {epoch} has no batch: call add() for each batch before end_epoch()")
        return self.append(columns)

    def append(self, columns: Columns | None) -> Path:
        """Write an epoch that was collected elsewhere (`Collector`), and return its part's path; None leaves that to rank 0.

        Raises:
            ReweighError: if the disk refuses.
        """
        self.epochs_done += 1
        if columns is not None:
            write_part(self.path, self.epochs_done, columns, self.run, self._digests)
        return part_path(self.path, self.epochs_done)

    def summary(self) -> Summary:
        """What the epochs written so far say of each example."""
        return self.read(self.path).summary()

    @staticmethod
    def read(path: Path | str, digests: Digests | None = None) -> History:
        """The ledger in the folder `path`, to be read; its parts are held against `digests`, those of the run's folder.

        Raises:
            BadInput: if there is none, or an epoch is missing.
        """
        return History(Path(path), digests)

    def _take_possession(self, new: bool) -> None:
        if self.path.exists() and not self.path.is_dir():
            raise BadInput(f"{self.path} is a file, not a folder: choose another place for the ledger")
        present = epochs_in(self.path)
        if new and present:
            raise BadInput(
                f"{self.path} already holds a ledger of {len(present)} epochs: go on with epochs_done=, remove it, or "
                "choose another place"
            )
        lacking = sorted(set(range(1, self.epochs_done + 1)) - set(present))
        if lacking:
            raise BadInput(
                f"the ledger in {self.path} lacks epoch {lacking[0]} of the {self.epochs_done} that are done: put "
                f"{part_path(self.path, lacking[0]).name} back, or start again"
            )
        make_folder(self.path)
        if self.epochs_done and History(self.path).run != self.run:
            raise BadInput(f"the ledger in {self.path} is of another run: put the right one back, or start again")
        remove(self.path, [epoch for epoch in present if epoch > self.epochs_done])


def _of_examples(counts: Any, weights: Any, *others: Any) -> list[Tensor | None]:
    """Numbers of tokens as one an example."""
    counts, weights = torch.as_tensor(counts), torch.as_tensor(weights)
    tensors = [None if values is None else torch.as_tensor(values).detach() for values in others]
    for values in (weights, *tensors):
        if values is not None and values.shape != counts.shape:
            raise BadInput(
                f"counts= has shape {tuple(counts.shape)} and one of the numbers of tokens {tuple(values.shape)}: give all "
                "of them, (B, T), or leave counts= out"
            )
    means = [None if values is None else mean_of_tokens(values, counts) for values in tensors]
    return [weights_of_examples(weights.detach(), counts), *means]
