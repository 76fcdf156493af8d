"""The clean set as an endless stream of batches that a resumed run picks up where it stopped.

Two kinds of source. *Indexed*: a `torch.utils.data.Dataset`, or a dict, tuple or object of tensors; the stream shuffles and
batches it itself, every batch is full, and a batch that reaches the end of one permutation goes on in the next. *Batches*:
any other iterable (a DataLoader, a list); it is gone through again and again.

The order is a pure function of the seed and the epoch, so the position is two numbers. The global random number generators
are left as found: a DataLoader that shuffles by them does so under a seed of the stream's own.
"""

import abc
import functools
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from reweigh import rng
from reweigh._torch import tree_map
from reweigh._types import Batch
from reweigh.batches import fields_of
from reweigh.clean_source import dataset_batches, field_batches, is_of_fields, row_count
from reweigh.errors import BadInput, NonFinite
from reweigh.undo import unless_done

USUAL_SIZE = 100


def clean_stream(
    source: Any, *, batch_size: int | None = None, seed: int = 0, ranks: tuple[int, int] = (0, 1)
) -> "CleanStream":
    """A stream over whatever holds the clean set.

    Args:
        source: a Dataset; a dict, tuple, NamedTuple, dataclass or object of tensors with one row an example; or an iterable
            of batches.
        batch_size: M, for an indexed source; default 100, or the whole clean set where that is smaller.
        seed: of the order, the same on all ranks, so that a state serves them all.
        ranks: this rank's number, and how many there are. Of an indexed source their batches are the parts of one, M each;
            where that cannot be, and of an iterable of batches, all go through the same ones.

    Raises:
        BadInput: if the source is empty or is none of these.
    """
    if isinstance(source, CleanStream):
        return source
    if hasattr(source, "gradient_state") and hasattr(source, "base_dataloader"):
        # Prepared by Accelerate: going through it would tell Accelerate that it is the training set that ends here, and with
        # it a step's accumulated batches. So the loader inside is gone through.
        inside = clean_stream(source.base_dataloader, batch_size=batch_size, seed=seed)
        inside.prepare = functools.partial(_on_device, device=source.device)
        return inside
    seed, size = rng.mixed(seed, 0), USUAL_SIZE if batch_size is None else batch_size
    if isinstance(source, Dataset) and hasattr(source, "__len__"):
        return IndexedStream(len(source), dataset_batches(source), size, seed, ranks)
    if is_of_fields(source):
        fields = fields_of(source) or {}
        return IndexedStream(row_count(fields), field_batches(source, fields), size, seed, ranks)
    if isinstance(source, Iterator) or not isinstance(source, Iterable):
        raise BadInput(
            f"clean= is a {type(source).__name__}, which cannot be gone through more than once: pass a Dataset, "
            "a DataLoader, a list of batches, or a dict of tensors"
        )
    if batch_size is not None:
        raise BadInput(
            "clean_batch_size= was given, but clean= yields whole batches: set the size there, or pass a Dataset"
        )
    return BatchStream(source, seed)


class CleanStream(abc.ABC):
    """Batches without end; `state_dict` holds the position."""

    prepare: Callable[[Batch], Batch] | None = None
    """What every batch goes through before it is handed out; a host brings it to its device and precision."""
    told: Callable[[int], None] | None = None
    """Is told a number of each batch that is handed out; it follows from seed and position, so that a resume has it too."""
    parted: Callable[[Batch], Sequence[tuple[int, Batch]]] | None = None
    """From a batch to its parts and their sizes, as of sequences of like length: its gradient is then taken part by part."""
    _seed: int
    _epoch: int
    _offset: int

    def next(self) -> Batch:
        """The next clean batch."""
        batch = self._take()
        if self.told is not None:
            self.told(rng.mixed(self._seed, self._epoch, self._offset))
        return batch if self.prepare is None else self.prepare(batch)

    def portion(self, most: int | None, turn: int, size: Callable[[Batch], int]) -> list[Batch]:
        """Different clean examples, in batches: all of them, or some `most`, other ones each turn; the same on all ranks.

        Args:
            most: how many; None for all.
            turn: a number that moves on from call to call.
            size: how many examples a batch has.
        """
        found = self._portion(most, turn, size)
        return found if self.prepare is None else [self.prepare(batch) for batch in found]

    @abc.abstractmethod
    def _portion(self, most: int | None, turn: int, size: Callable[[Batch], int]) -> list[Batch]:
        """The same as the source has them."""

    @abc.abstractmethod
    def _take(self) -> Batch:
        """The next batch as the source has it."""

    @abc.abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """Where the stream stands."""

    @abc.abstractmethod
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go to where another stream over the same source stood."""


def _unless_passed_by(put_back: Callable[[], None]) -> None:
    """If the call under way fails, the batch has not been taken; but one that is not finite would only come again."""

    def back() -> None:
        if not isinstance(sys.exception(), NonFinite):
            put_back()

    unless_done(back)


class IndexedStream(CleanStream):
    """Shuffles the rows of a source anew each epoch and fills every batch."""

    def __init__(
        self, length: int, take: Callable[[Tensor], Batch], batch_size: int, seed: int, ranks: tuple[int, int] = (0, 1)
    ) -> None:
        if length == 0:
            raise BadInput("the clean set is empty: it needs at least one checked example, better ten a class")
        if batch_size < 1:
            raise BadInput(f"the clean batch size is {batch_size}: it must be at least 1")
        self._length, self._rows, self._seed = length, take, seed
        each, of_all = min(batch_size, length), min(batch_size * ranks[1], length) // ranks[1] * ranks[1]
        # Parts of one size only, since their means are averaged; and not less than a rank alone would see.
        self._size, self._share = (each, (0, 1)) if of_all < each else (of_all, ranks)
        self._epoch = self._offset = 0
        self._order: tuple[int, Tensor] | None = None

    def _take(self) -> Batch:
        """M examples, from the next epoch's permutation where this one ends; this rank's share of them."""
        _unless_passed_by(functools.partial(self._go_to, self._epoch, self._offset))
        pieces: list[Tensor] = []
        wanted = self._size
        while wanted:
            piece = self._permutation()[self._offset : self._offset + wanted]
            pieces.append(piece)
            wanted -= len(piece)
            self._offset += len(piece)
            if self._offset == self._length:
                self._epoch, self._offset = self._epoch + 1, 0
        which, parts = self._share
        return self._rows(torch.cat(pieces).chunk(parts)[which])

    def _portion(self, most: int | None, turn: int, size: Callable[[Batch], int]) -> list[Batch]:
        """Rows at even distances: a source in the order of its classes gives of each. The stream stays where it is."""
        count = min(most or self._length, self._length)
        rows = (torch.arange(count) * self._length // count + turn) % self._length
        return [self._rows(part) for part in rows.sort().values.split(self._size)]

    def _go_to(self, epoch: int, offset: int) -> None:
        self._epoch, self._offset = epoch, offset

    def _permutation(self) -> Tensor:
        if self._order is None or self._order[0] != self._epoch:
            generator = torch.Generator().manual_seed(rng.mixed(self._seed, self._epoch))
            self._order = self._epoch, torch.randperm(self._length, generator=generator)
        return self._order[1]

    def state_dict(self) -> dict[str, Any]:
        """Epoch, offset, and what must agree for them to mean the same."""
        return {"epoch": self._epoch, "offset": self._offset, "length": self._length, "seed": self._seed}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from there."""
        if state["length"] != self._length:
            raise BadInput(
                f"the clean set has {self._length} examples but the checkpoint was made with {state['length']}: "
                "resume with the same clean set"
            )
        self._epoch, self._offset, self._seed = state["epoch"], state["offset"], state["seed"]
        self._order = None


class BatchStream(CleanStream):
    """Goes through an iterable of batches again and again, each pass and batch under a seed of the stream's own."""

    def __init__(self, source: Iterable[Batch], seed: int) -> None:
        self._source, self._seed = source, seed
        self._epoch = self._offset = 0
        self._iterator: Iterator[Batch] | None = None

    def _take(self) -> Batch:
        """The next batch of the source, which starts over where it ends."""
        _unless_passed_by(functools.partial(self._go_to, self._epoch, self._offset))
        if self._iterator is None:
            self._take_up()
        batch = self._pull()
        if batch is _END:
            if self._offset == 0:
                raise BadInput("the clean set is empty: clean= yields no batch")
            self._epoch, self._offset = self._epoch + 1, 0
            self._start()
            return self._take()
        self._offset += 1
        return batch

    def _portion(self, most: int | None, turn: int, size: Callable[[Batch], int]) -> list[Batch]:
        """The next batches of this pass, or of the next one where it is at its end."""
        found = [self._take()]
        epoch = self._epoch
        while most is None or sum(map(size, found)) < most:
            batch = self._take()
            if self._epoch != epoch:
                break  # what came already would come again
            found.append(batch)
        return found

    def _go_to(self, epoch: int, offset: int) -> None:
        """The next batch is to be this one, whatever has become of the iterator."""
        self._iterator, self._epoch, self._offset = None, epoch, offset

    def _take_up(self) -> None:
        """Start the pass, and leave out the batches that were taken."""
        there, self._offset = self._offset, 0
        self._start()
        while self._offset < there:
            if self._pull() is _END:
                raise BadInput(
                    f"clean= yields only {self._offset} batches but the checkpoint stands after "
                    f"{there}: resume with the same clean set"
                )
            self._offset += 1

    def _start(self) -> None:
        for part in _parts_that_draw(self._source):
            if hasattr(part, "set_epoch") and part is not self._source:
                part.set_epoch(self._epoch)
            if isinstance(generator := getattr(part, "generator", None), torch.Generator):
                generator.manual_seed(rng.mixed(self._seed, self._epoch))
        with rng.kept():
            rng.seed(rng.mixed(self._seed, self._epoch))
            self._iterator = iter(self._source)

    def _pull(self) -> Batch:
        assert self._iterator is not None
        with rng.kept():
            rng.seed(rng.mixed(self._seed, self._epoch, self._offset))
            return next(self._iterator, _END)

    def state_dict(self) -> dict[str, Any]:
        """Passes made and batches taken of this one."""
        return {"epoch": self._epoch, "offset": self._offset, "seed": self._seed}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Start that pass over and leave out the batches that were taken."""
        self._seed = state["seed"]
        self._go_to(state["epoch"], state["offset"])
        self._take_up()

    def __getstate__(self) -> dict[str, Any]:
        """An iterator cannot be copied: the copy starts its pass over and leaves out the batches that were taken."""
        return {**vars(self), "_iterator": None}


_END = object()


def _parts_that_draw(source: Any) -> Iterator[Any]:
    """A loader, its samplers, and those inside these: Accelerate puts one that hands out a rank's part around another."""
    yield source
    for name in ("sampler", "batch_sampler"):
        if (inner := getattr(source, name, None)) is not None:
            yield from _parts_that_draw(inner)


def _on_device(batch: Batch, device: torch.device | None) -> Batch:
    return tree_map(lambda leaf: leaf.to(device) if isinstance(leaf, Tensor) else leaf, batch) if device else batch
