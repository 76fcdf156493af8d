"""Where examples come from: N of them by row number, whoever holds them and wherever they lie.

`Examples` are a source in memory or on disk. One written outside the package is any object with these few attributes: a
database, a folder of recordings, numbers made while one asks. What it must hold in memory is what training keeps of every
example anyway: its id and its target.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from ..errors import BadInput
from ..tasks import Task


@runtime_checkable
class Source(Protocol):
    """N examples that are asked for by their rows, from 0 to N - 1.

    Beside these attributes it hands out inputs, in one of two ways: `batch(rows)` gives the examples at `rows` (B,) as
    `{"x": (B, ...), "y": (B, ...), "id": (B,)}`; or, as map-style data sets do, `source[row]` gives one without a batch
    dimension, and the task's `collate` puts several together, of whatever lengths.

    Attributes:
        ids: (N,) int64, unique, the same each time.
        y: (N,) int64 class numbers, (N,) float32 numbers or (N, L) float32 zeros and ones.
        task: what is to be learnt of them; it has the names of the classes.
    """

    @property
    def ids(self) -> Tensor:
        """(N,) int64."""

    @property
    def y(self) -> Tensor:
        """(N, ...)."""

    @property
    def task(self) -> Task:
        """What is learnt."""

    def __len__(self) -> int:
        """N."""


def examples_at(source: Any, rows: Tensor) -> dict[str, Tensor]:
    """The examples of a `Source` at `rows` (B,) as one batch, `{"x", "y", "id"}`."""
    if hasattr(source, "batch"):
        found: dict[str, Tensor] = source.batch(rows)
        return found
    return source.task.collate(items_at(source, rows))  # type: ignore[no-any-return]


def items_at(source: Any, rows: Tensor) -> Sequence[Mapping[str, Tensor]]:
    """The examples of a map-style `Source` at `rows` (B,), one by one, each with its id and its target.

    Raises:
        BadInput: if one is no mapping with an "x".
    """
    found = []
    for row in rows.tolist():
        item = source[row]
        if not isinstance(item, Mapping) or "x" not in item:
            raise BadInput(f"{type(source).__name__}[{row}] is no mapping with an 'x': give {{'x': ...}} for each row")
        said = {name: torch.as_tensor(value) for name, value in item.items()}
        found.append({"y": source.y[row], "id": source.ids[row]} | said)
    return found
