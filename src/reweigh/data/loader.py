"""Batches of a source, in the order that the seed and the epoch give, loaded by as many processes as are wanted.

The order is a function of (seed, epoch), so that where a run stands is two numbers, however far its workers have read
ahead; and the workers draw nothing at random, so that their number changes nothing in the outcome. Of several processes
that train together each gets its share of every batch: none is loaded twice, none padded.

PyTorch's `DataLoader` does the loading; what is asked of it is one whole batch an item.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from ..errors import BadInput, ReweighError
from .sampling import batches, by_shape, epoch_order, steps_an_epoch, whole_size
from .source import Source, examples_at

Loaded = dict[str, Tensor]


class Portion(NamedTuple):
    """One process's part of a batch.

    Attributes:
        rows: (b,) of the source.
        batch: these examples, `{"x", "y", "id"}`.
        shares: how many examples each process has of the whole batch; they differ by one at most.
    """

    rows: Tensor
    batch: Loaded
    shares: tuple[int, ...]


class Loader:
    """Hands out the batches of one epoch after the other, for one of `size` processes.

    Args:
        source: what is loaded from.
        batch_size: examples a batch of all processes together; batches are equally large to within one, or, where examples
            have shapes, but for the last.
        seed: of the order.
        rank, size: which of how many processes this is.
        workers: processes that load ahead; 0 loads in this one.
        pin: puts batches into page-locked memory, from which a GPU takes them faster.

    Raises:
        BadInput: if there are more processes than examples in the smallest batch, or fewer than 0 workers.
    """

    def __init__(
        self,
        source: Source,
        batch_size: int,
        *,
        seed: int,
        rank: int = 0,
        size: int = 1,
        workers: int = 0,
        pin: bool = False,
    ) -> None:
        if workers < 0:
            raise BadInput(f"workers is {workers}: give a whole number of processes that load data, from 0")
        self._source, self._batch_size, self._seed = source, batch_size, seed
        self._rank, self._size, self._workers, self._pin = rank, size, workers, pin
        self._epoch = self._done = 0
        self._shapes: Tensor | None = getattr(source, "shapes", None)
        whole = whole_size(len(source), batch_size)
        smallest = len(source) // len(self) if self._shapes is None else len(source) % whole or whole
        if smallest < size:
            raise BadInput(
                f"batches of {smallest} examples are too small for {size} processes: take a larger --batch-size, or fewer"
            )

    def __len__(self) -> int:
        """Batches an epoch."""
        return steps_an_epoch(len(self._source), self._batch_size)

    def epoch(
        self, number: int, *, sampling: Tensor | None = None, thinned: bool = False, most: int | None = None
    ) -> Iterator[Portion]:
        """The batches of epoch `number`, or what is left of it where the state says that it was begun; at most `most`.

        `sampling` (N,) draws rows in proportion, anew each epoch: with replacement, or of `thinned` permutations.

        Raises:
            ReweighError: what the source raises, or if a worker dies.
        """
        begun = self._done if number == self._epoch else 0
        self._epoch, self._done = number, begun
        order = epoch_order(len(self._source), seed=self._seed, epoch=number, sampling=sampling, thinned=thinned)
        whole = (
            batches(order, self._batch_size)
            if self._shapes is None
            else by_shape(order, self._shapes, self._batch_size, seed=self._seed, epoch=number)
        )[:most]
        parts = [part.tensor_split(self._size) for part in whole[begun:]]
        loads = self._loads([part[self._rank] for part in parts])
        for part in parts:
            rows, batch = _next(loads)
            self._done += 1
            yield Portion(rows, batch, tuple(len(share) for share in part))
        self._epoch, self._done = number + 1, 0

    def _loads(self, rows: list[Tensor]) -> Iterator[Any]:
        loader = DataLoader(
            _Batches(self._source),
            batch_size=None,  # an item is a batch
            sampler=rows,
            num_workers=self._workers,
            collate_fn=_as_it_is,
            pin_memory=self._pin and torch.cuda.is_available(),
            generator=torch.Generator(),  # its own, so that the global one is left as found
        )
        return iter(loader)

    def state_dict(self) -> dict[str, int]:
        """Which epoch, how many of its batches were handed out, and what must agree for them to mean the same."""
        return {
            "epoch": self._epoch, "done": self._done, "seed": self._seed,
            "length": len(self._source), "batch_size": self._batch_size,
        }  # fmt: skip

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go to where another loader over the same source stood; `epoch` then goes on in the middle of its epoch.

        Raises:
            BadInput: if it was a loader of other data, another seed or other batches.
        """
        mine = self.state_dict()
        for name in ("length", "batch_size", "seed"):
            if state[name] != mine[name]:
                raise BadInput(
                    f"the checkpoint was made with a {name.replace('_', ' ')} of {state[name]} and this is {mine[name]}: "
                    "resume with the same data and settings"
                )
        self._epoch, self._done = state["epoch"], state["done"]


class _Batches(Dataset[Any]):
    """A source whose items are whole batches; a mistake is handed over, since a worker would turn it into a traceback."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def __getitem__(self, rows: Tensor) -> tuple[Tensor, Loaded] | ReweighError:
        try:
            return rows, examples_at(self._source, rows)
        except ReweighError as mistake:
            return mistake


def _next(loads: Iterator[Any]) -> tuple[Tensor, Loaded]:
    try:
        found = next(loads)
    except RuntimeError as died:
        if "DataLoader worker" not in str(died) or "exited unexpectedly" not in str(died):
            raise
        raise ReweighError(
            "a process that loads data was ended from outside, mostly for want of memory: take fewer --workers"
        ) from died
    if isinstance(found, ReweighError):
        raise found
    rows, batch = found
    return rows, batch


def _as_it_is(item: Any) -> Any:
    return item
