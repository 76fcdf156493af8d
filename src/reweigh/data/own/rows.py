"""What every reader gives for one file: inputs, targets as they stand there, and names."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from .values import BoolArray


@dataclass(frozen=True, eq=False)
class Rows:
    """N examples of one file.

    Attributes:
        where: the file, for messages.
        x: (N, ...) inputs, encoded.
        targets: one Arrow array of N cells (words or numbers) for each target column; none where the file has not all.
        keys: N names (a list or an Arrow array of strings), or None for rows that only have a number.
        checked: (N,) where the file itself says which of its rows are checked; None where it does not.
        table: a `pyarrow.Table` of the rows as read; of new files only.
        notes: sentences for the screen.
    """

    where: str
    x: Tensor
    targets: tuple[Any, ...] = ()
    keys: Any = None
    checked: BoolArray | None = None
    table: Any = None
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        """The number of rows, N."""
        return len(self.x)

    def name(self, row: int) -> str:
        """What the user calls this row."""
        return f"row {row}" if self.keys is None else str(self.keys[row])


class Grown:
    """An array that grows at its end, at most doubling; `size` is a guess that spares the growing."""

    def __init__(self, shape: tuple[int, ...], dtype: npt.DTypeLike, size: int = 1024) -> None:
        """Rows of this shape and type."""
        self._space, self._used = np.empty((max(size, 1), *shape), dtype), 0

    def add(self, block: npt.NDArray[Any]) -> None:
        """Append the rows of `block`."""
        end = self._used + len(block)
        if end > len(self._space):
            space = np.empty((max(end, 2 * len(self._space)), *self._space.shape[1:]), self._space.dtype)
            space[: self._used] = self._space[: self._used]
            self._space = space
        self._space[self._used : end] = block
        self._used = end

    @property
    def rows(self) -> npt.NDArray[Any]:
        """All rows so far; a view."""
        return self._space[: self._used]
