"""Inputs that lie on the disk, by row number: an array larger than memory, and what is chosen of it or joined to it.

They stand where `Examples` have a tensor: `x[rows]` gives those rows as one. Nothing is read before it is asked for, and
what was read is given back to the system, so that a pass over all rows leaves memory as it was.
"""

import abc
import mmap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from .scratch import Scratch

Array = npt.NDArray[Any]

_HELD = 64 << 20  # bytes that are read before the pages are given back
_AROUND = 64 << 10  # bytes that the system maps around one that is asked for


class Stored(abc.ABC):
    """(N, ...) inputs: `x[row]`, `x[start:stop]` or `x[rows]` are tensors.

    Attributes:
        shape, dtype: those of the tensor that all of it would be.
    """

    shape: tuple[int, ...]
    dtype: torch.dtype

    def __len__(self) -> int:
        """N."""
        return self.shape[0]

    @property
    def ndim(self) -> int:
        """How many dimensions there are, the rows among them."""
        return len(self.shape)

    def is_floating_point(self) -> bool:
        """Whether these are numbers with fractions."""
        return self.dtype.is_floating_point

    def __getitem__(self, rows: int | slice | Tensor) -> Tensor:
        if isinstance(rows, slice):
            return self.take(np.arange(*rows.indices(len(self))))
        if isinstance(rows, Tensor) and rows.ndim:
            return self.take(rows.numpy())
        return self.take(np.array([int(rows)]))[0]

    @abc.abstractmethod
    def take(self, rows: Array) -> Tensor:
        """The inputs at `rows` (B,) int64, each from 0 to N - 1: (B, ...)."""


Inputs = Tensor | Stored


def chosen(x: Inputs, rows: Tensor) -> Inputs:
    """The inputs at `rows` (B,) int64: a tensor of a tensor, and of what is stored only a note of which."""
    return x[rows] if isinstance(x, Tensor) else Chosen(x, rows.numpy())


def joined(one: Inputs, other: Inputs) -> Inputs:
    """The inputs of both, one after the other."""
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return torch.cat([one, other])
    return Joined([one, other])


class Chosen(Stored):
    """Rows of something stored."""

    _whole: Stored
    _rows: Array

    def __init__(self, whole: Stored, rows: Array) -> None:
        self._whole = whole._whole if isinstance(whole, Chosen) else whole
        self._rows = whole._rows[rows] if isinstance(whole, Chosen) else rows
        self.shape, self.dtype = (len(rows), *whole.shape[1:]), whole.dtype

    def take(self, rows: Array) -> Tensor:
        """Those rows of the chosen ones."""
        return self._whole.take(self._rows[rows])


class Joined(Stored):
    """Several, one after the other."""

    def __init__(self, parts: Sequence[Inputs]) -> None:
        self._parts = list(parts)
        self._ends = np.cumsum([len(part) for part in parts])
        self.shape, self.dtype = (int(self._ends[-1]), *parts[0].shape[1:]), parts[0].dtype

    def take(self, rows: Array) -> Tensor:
        """Each from the part that has it."""
        which = np.searchsorted(self._ends, rows, side="right")
        found = torch.empty((len(rows), *self.shape[1:]), dtype=self.dtype)
        for place, part in enumerate(self._parts):
            here = np.flatnonzero(which == place)
            if here.size:
                inside = rows[here] - (self._ends[place] - len(part))
                found[torch.from_numpy(here)] = part[torch.from_numpy(inside)]
        return found


class Pages:
    """A file as an array, read through the system's pages, which are given back every so often."""

    def __init__(self, path: Path, dtype: Any, shape: tuple[int, ...]) -> None:
        self._path, self._dtype, self._shape = path, np.dtype(dtype), shape
        self._map: mmap.mmap | None = None
        self._read = 0

    def __getitem__(self, places: Array) -> Array:
        """A copy of what is at `places` along the first dimension."""
        if self._map is None:
            with self._path.open("rb") as file:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        found: Array = np.frombuffer(self._map, self._dtype).reshape(self._shape)[places]
        self._read += max(found.nbytes, _AROUND * len(places))
        if self._read > _HELD and hasattr(mmap, "MADV_DONTNEED"):
            self._map.madvise(mmap.MADV_DONTNEED)
            self._read = 0
        return found

    def __getstate__(self) -> dict[str, Any]:
        """Where it is, not what is in it: a process that gets a copy opens it anew."""
        return {**vars(self), "_map": None, "_read": 0}


class OnDisk(Stored):
    """An array in a file, rows one after the other; `scratch` is the folder that goes with it."""

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: torch.dtype, scratch: Scratch) -> None:
        self.shape, self.dtype, self._scratch = shape, dtype, scratch
        self._pages = Pages(path, torch.empty(0, dtype=dtype).numpy().dtype, shape)

    def take(self, rows: Array) -> Tensor:
        """Those rows, copied."""
        return torch.from_numpy(self._pages[rows])

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_scratch": None}


class Ragged(Stored):
    """Token ids of texts (N, T) int64; what fills a text up at its end is not stored."""

    def __init__(self, offsets: Pages, values: Pages, shape: tuple[int, int], padding: int, scratch: Scratch) -> None:
        self._offsets, self._values, self._padding, self._scratch = offsets, values, padding, scratch
        self.shape, self.dtype = shape, torch.int64

    def take(self, rows: Array) -> Tensor:
        """Those texts, filled up to T."""
        starts, ends = self._offsets[rows], self._offsets[rows + 1]
        found = np.full((len(rows), self.shape[1]), self._padding, dtype=np.int64)
        inside = np.arange(self.shape[1]) < (ends - starts)[:, None]
        found[inside] = self._values[(starts[:, None] + np.arange(self.shape[1]))[inside]]
        return torch.from_numpy(found)

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_scratch": None}
