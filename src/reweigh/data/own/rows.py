"""What every reader gives for one file: inputs, targets as they stand there, and names."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...tasks.targets import Tokens
from ..stored import Inputs
from .values import BoolArray


@dataclass(frozen=True, eq=False)
class Rows:
    """N examples of one file.

    Attributes:
        where: the file, for messages.
        x: (N, ...) inputs, encoded; on the disk where they are many.
        targets: one Arrow array of N cells (words or numbers) for each target column; none where the file has not all.
        keys: N names (a list or an Arrow array of strings), or None for rows that only have a number.
        checked: (N,) where the file itself says which of its rows are checked; None where it does not.
        right: an Arrow array of N cells, what the file itself says to be right, where it does; None where it says nothing.
        table: a `pyarrow.Table` of the rows as read; of new files only.
        notes: sentences for the screen.
        tokens: the first target's cells as tokens, of pairs of texts.
        left_out: (N,) rows that cannot be learned from, whatever the task; None for none.
        told: counts for `summary.json`: rows, and by column what was taken as missing, guessed or converted.
    """

    where: str
    x: Inputs
    targets: tuple[Any, ...] = ()
    keys: Any = None
    checked: BoolArray | None = None
    right: Any = None
    table: Any = None
    notes: tuple[str, ...] = ()
    tokens: Tokens | None = None
    left_out: BoolArray | None = None
    told: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        """The number of rows, N."""
        return len(self.x)

    @property
    def usable(self) -> BoolArray:
        """(N,) all rows but those that are left out."""
        return np.ones(len(self), dtype=bool) if self.left_out is None else ~self.left_out

    def name(self, row: int) -> str:
        """What the user calls this row."""
        return f"row {row}" if self.keys is None else str(self.keys[row])
