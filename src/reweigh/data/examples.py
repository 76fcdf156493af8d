"""A data set whose examples have names.

Reweighting is about single examples, so an example keeps its id wherever it goes: through a shuffle, a split,
a corruption, into a ledger and out onto a page of the most distrusted images. `Examples` holds arrays with
their ids (the inputs on the disk, where they are larger than memory), the labels as given and, where they are known,
the true ones; it checks itself when it is made, so that everything later may trust it.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.data import Dataset

from ..errors import BadInput
from ..tasks import Task, task_of
from ..tasks.checks import check_vector
from ..tasks.shapes import shape_of
from .stored import Inputs, Stored, chosen

_AT_ONCE = 10_000
_FOUND: Any = None  # stands for "the task is found from y"
_AS_GIVEN = torch.empty(0, dtype=torch.int64)  # stands for "the true labels are the given ones"


@dataclass(frozen=True, eq=False)
class Examples(Dataset[dict[str, Tensor]]):
    """N examples with ids, given labels and true labels.

    Attributes:
        x: (N, ...) inputs as the model wants them; images are (N, channels, H, W), float32 within [0, 1], or uint8, which
            take a quarter of the memory and become float32 within [0, 1] in every batch; a tensor, or `Stored` on the disk.
        y: the labels as given, possibly corrupted: (N,) int64 for classes, (N,) float32 for a regression,
            (N, L) float32 of zeros and ones for any number of L labels an example.
        ids: (N,) int64, unique and stable.
        classes: the C names of the classes, the L names of the labels, or the one name of a regression's target.
        true_y: like y, the labels before corruption; `y` itself where nothing else is known.
        task: what is to be learnt of them; found from the type and the shape of y where it is not given.

    Raises:
        BadInput: lengths differ, an id repeats, a label is outside 0..C-1, or an input or a target is NaN or infinite.
    """

    x: Inputs
    y: Tensor
    ids: Tensor
    classes: tuple[str, ...]
    true_y: Tensor = field(default=_AS_GIVEN)
    task: Task = _FOUND

    def __post_init__(self) -> None:
        if self.true_y is _AS_GIVEN:
            object.__setattr__(self, "true_y", self.y)
        if not self.classes:
            raise BadInput("the data set names no classes: give the names of all its classes, in label order")
        if self.task is _FOUND:
            object.__setattr__(self, "task", task_of(self.y, self.classes))
        if self.task.classes != self.classes:
            object.__setattr__(self, "task", replace(self.task, classes=self.classes))
        vectors = ("y", "ids") if self.task.has_classes else ("ids",)
        _check_lengths(self.x, {"y": self.y, "ids": self.ids, "true_y": self.true_y}, vectors)
        _check_ids(self.ids)
        if self.true_y.shape != self.y.shape or self.true_y.dtype != self.y.dtype:
            raise BadInput("true_y and y differ in shape or type: give both as (N,) int64, (N,) or (N, L) float32")
        self.task.check(self.y, self.ids)
        if self.true_y is not self.y:
            self.task.check(self.true_y, self.ids, "true label")
        _check_finite(self.x, self.ids)

    def __len__(self) -> int:
        """The number of examples, N."""
        return len(self.y)

    def __getitem__(self, row: int) -> dict[str, Tensor]:
        """One example: `{"x", "y", "id"}` without a batch dimension."""
        return {"x": as_input(self.x[row]), "y": self.y[row], "id": self.ids[row]}

    def __getitems__(self, rows: Sequence[int]) -> list[dict[str, Tensor]]:
        """Several examples, gathered at once: a `DataLoader` calls this and collates the list."""
        batch = self.batch(torch.as_tensor(rows, dtype=torch.int64))
        return [{"x": x, "y": y, "id": name} for x, y, name in zip(batch["x"], batch["y"], batch["id"], strict=True)]

    def batch(self, rows: Tensor) -> dict[str, Tensor]:
        """The examples at `rows` (B,) as one batch: `{"x": (B, ...), "y": (B,) or (B, L), "id": (B,)}`."""
        rows = self._rows(rows)
        return self.task.completed({"x": as_input(self.x[rows]), "y": self.y[rows], "id": self.ids[rows]})

    def select(self, rows: Tensor) -> "Examples":
        """The data set of `rows` only: (B,) int64 row numbers in the order wanted, or an (N,) bool mask."""
        rows = self._rows(rows)
        y = self.y[rows]
        true_y = y if self.true_y is self.y else self.true_y[rows]
        return Examples(chosen(self.x, rows), y, self.ids[rows], self.classes, true_y, self.task)

    def with_labels(self, y: Tensor) -> "Examples":
        """The same examples with other given labels (N,); the true labels stay."""
        return replace(self, y=y)

    @functools.cached_property
    def lengths(self) -> Tensor:
        """(N, 2) how many tokens both sides have, of examples that are pairs."""
        parts = torch.arange(len(self)).split(_AT_ONCE)
        return torch.cat([self.task.lengths(self.x[rows], self.y[rows]) for rows in parts])

    @property
    def shapes(self) -> Tensor | None:
        """(N,) which of the task's shapes each fits in; None where it has none."""
        return shape_of(self.lengths, self.task.shapes) if self.task.shapes else None

    @property
    def corrupted(self) -> Tensor:
        """(N,) bool: where the given label differs from the true one; of several labels, where any does."""
        differs = self.y != self.true_y
        return differs.flatten(1).any(dim=1) if differs.ndim > 1 else differs

    def _rows(self, rows: Tensor) -> Tensor:
        if rows.dtype == torch.bool and rows.shape == self.ids.shape:
            return rows.nonzero().flatten()
        check_vector(rows, "the rows to take")
        if rows.numel() and not (int(rows.min()) >= 0 and int(rows.max()) < len(self)):
            wrong = rows[(rows < 0) | (rows >= len(self))][0]
            raise BadInput(f"row {int(wrong)} does not exist among {len(self)} examples: use 0..{len(self) - 1}")
        return rows


class Splits(NamedTuple):
    """The two parts in which publishers hand out a data set."""

    train: Examples
    test: Examples


def as_input(x: Tensor) -> Tensor:
    """x as a model takes it: uint8 images become float32 within [0, 1], everything else stays as it is."""
    return x.to(torch.float32) / 255 if x.dtype == torch.uint8 else x


def _check_lengths(x: Inputs, columns: dict[str, Tensor], vectors: Sequence[str]) -> None:
    if x.ndim == 0:
        raise BadInput("x is a single number: give one input an example along the first dimension")
    for name, column in columns.items():
        if name in vectors or column.ndim == 0:
            check_vector(column, name)
        if len(column) != len(x):
            raise BadInput(f"x has {len(x)} examples but {name} has {len(column)}: give one of each an example")


def _check_ids(ids: Tensor) -> None:
    check_vector(ids, "ids")
    if bool((ids[1:] > ids[:-1]).all()):  # ascending, as most are: no need to sort
        return
    order = ids.argsort(stable=True)
    repeats = order[1:][ids[order][1:] == ids[order][:-1]]
    if repeats.numel():
        row = int(repeats.min())
        raise BadInput(f"the id {int(ids[row])} in row {row} is there already: give every example an id of its own")


def _check_finite(x: Inputs, ids: Tensor) -> None:
    # The smallest and largest value carry any NaN or infinity, at the cost of one pass and no memory.
    if isinstance(x, Stored):  # as it was when it was written
        return
    if not x.is_floating_point() or not x.numel() or bool(torch.stack(torch.aminmax(x)).isfinite().all()):
        return
    row = next(row for row in range(len(x)) if not x[row].isfinite().all())
    raise BadInput(f"the input of the example with id {int(ids[row])} holds NaN or infinity: repair or drop it")
