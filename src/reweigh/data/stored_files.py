"""Inputs on their way to the disk: column by column as tables are encoded, or block by block as texts are."""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from .scratch import Scratch, room
from .stored import OnDisk, Pages, Ragged

Array = npt.NDArray[Any]

_AT_ONCE = 16 << 20  # bytes worked on at a time


class ColumnFiles:
    """(N, F) float32, written column by column as NumPy has it, `x[:, place] = values`, and read row by row.

    Each column goes to a file of its own, so that writing one touches nothing of the others; `stored` turns them round.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self.shape, self._scratch = shape, Scratch()

    def __setitem__(self, places: tuple[slice, int], values: Array) -> None:
        with room(self._scratch.path):
            np.asarray(values, dtype=np.float32).tofile(self._scratch / f"{places[1]}.column")

    def stored(self) -> OnDisk:
        """The rows; the columns' files are gone."""
        (size, width), path = self.shape, self._scratch / "rows"
        columns = [self._scratch / f"{place}.column" for place in range(width)]
        step = max(1, _AT_ONCE // (4 * width))
        with room(self._scratch.path), path.open("wb") as file:
            for start in range(0, size, step):
                block = np.empty((min(step, size - start), width), dtype=np.float32)
                for place, column in enumerate(columns):
                    block[:, place] = np.fromfile(column, np.float32, len(block), offset=4 * start)
                block.tofile(file)
        for column in columns:
            column.unlink()
        return OnDisk(path, self.shape, torch.float32, self._scratch)


class RaggedFiles:
    """Token ids written block by block, (B, T) each, and read by row."""

    def __init__(self, shape: tuple[int, int], padding: int) -> None:
        self._shape, self._padding, self._scratch, self._end = shape, padding, Scratch(), 0
        with room(self._scratch.path):
            self._offsets, self._values = (self._scratch / "offsets").open("wb"), (self._scratch / "values").open("wb")
            np.zeros(1, dtype=np.int64).tofile(self._offsets)

    def __setitem__(self, places: slice, block: Array) -> None:
        filled = block != self._padding
        lengths = self._shape[1] - np.argmax(filled[:, ::-1], axis=1)
        lengths[~filled.any(axis=1)] = 0
        inside = np.arange(self._shape[1]) < lengths[:, None]
        with room(self._scratch.path):
            (self._end + np.cumsum(lengths)).astype(np.int64).tofile(self._offsets)
            block[inside].astype(np.int32).tofile(self._values)
        self._end += int(lengths.sum())

    def stored(self) -> Ragged:
        """The texts."""
        with room(self._scratch.path):
            self._offsets.close()
            self._values.close()
        offsets = Pages(self._scratch / "offsets", np.int64, (self._shape[0] + 1,))
        values = Pages(self._scratch / "values", np.int32, (max(self._end, 1),))
        if not self._end:
            np.zeros(1, dtype=np.int32).tofile(self._scratch / "values")
        return Ragged(offsets, values, self._shape, self._padding, self._scratch)


class RowFiles:
    """(N, F) float32 written block by block, and read by row."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self._shape, self._scratch = shape, Scratch()
        with room(self._scratch.path):
            self._rows = (self._scratch / "rows").open("wb")

    def add(self, block: Array) -> None:
        """The next rows (B, F)."""
        with room(self._scratch.path):
            np.asarray(block, dtype=np.float32).tofile(self._rows)

    def stored(self) -> OnDisk:
        """The rows."""
        with room(self._scratch.path):
            self._rows.close()
        return OnDisk(self._scratch / "rows", self._shape, torch.float32, self._scratch)
