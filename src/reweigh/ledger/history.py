"""A ledger read back, one epoch at a time: a long run of a million examples does not fit in memory at once."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from reweigh.digests import Digests
from reweigh.errors import BadInput
from reweigh.ledger.parts import epochs_in, part_path, read_mark, read_part
from reweigh.ledger.summary import Summary, Totals


class History:
    """The epochs of the ledger in `path`; each part that is read is held against `digests`, where they are given.

    Attributes:
        path: the folder.
        epochs: how many epochs there are.
        run: the mark of the run that wrote it.

    Raises:
        BadInput: if there is no ledger, an epoch is missing, or a part is damaged (those read later, when they are).
    """

    def __init__(self, path: Path, digests: Digests | None = None) -> None:
        present = epochs_in(path)
        if not present:
            raise BadInput(f"there is no ledger in {path}: it is written by Ledger, or by `reweigh train`")
        lacking = sorted(set(range(1, present[-1] + 1)) - set(present))
        if lacking:
            raise BadInput(f"{part_path(path, lacking[0])} is missing: put it back, the ledger has later epochs")
        self.path, self.epochs, self._digests = path, present[-1], digests
        self.run = read_mark(path, 1)

    def __len__(self) -> int:
        """How many epochs there are."""
        return self.epochs

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        """Each epoch's columns as numpy arrays (N,), ascending by id; NaN for what is not known.

        Raises:
            BadInput: at a part that is damaged or of another run.
        """
        yield from self.epochs_from(1)

    def epochs_from(self, first: int) -> Iterator[Mapping[str, Any]]:
        """The same from the epoch `first` on, which counts from 1."""
        for epoch in range(first, self.epochs + 1):
            columns, run = read_part(self.path, epoch, self._digests)
            if run != self.run:
                raise BadInput(
                    f"{part_path(self.path, epoch)} is of another run than epoch 1: put the right file back, or train again"
                )
            yield columns

    def summary(self, first: int = 1) -> Summary:
        """Each example over all epochs from `first` on; memory for one epoch and the sums, however many there are."""
        totals = Totals()
        for columns in self.epochs_from(first):
            totals.add(columns)
        return totals.summary()
