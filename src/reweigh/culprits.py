"""Which examples a number that is not finite comes from: looked for once there is one, on the way to the error.

A mean, a gradient or a step tells that something was NaN or infinite, not whose it was. So the batch is looked at again,
example by example: first its losses, then, where those are finite, each example's own gradient.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from reweigh import distributed
from reweigh._torch import tree_map
from reweigh._types import Batch, Params
from reweigh.as_found import moved, preserve_module_state, substituted
from reweigh.passes import losses_of
from reweigh.student import Student

_MOST = 10
_MOST_GRADIENTS = 2000


def named(rows: Sequence[int], ids: Any, size: int) -> str:
    """ "ids [21, 23]", or the positions where a batch of `size` has no ids; at most ten.

    Ids may be a tensor, an array, or a list of numbers, words or tuples; also the list of columns that torch's collation
    makes of tuples.
    """
    shown = list(rows)[:_MOST]
    if ids is not None and hasattr(ids, "tolist"):
        ids = ids.tolist()
    if isinstance(ids, list | tuple):
        if len(ids) == size:
            return f"ids {[_plain(ids[row]) for row in shown]}"
        if ids and all(hasattr(column, "__len__") and len(column) == size for column in ids):
            return f"ids {[tuple(_plain(column[row]) for column in ids) for row in shown]}"
    return f"positions {shown} of the batch"


def not_finite(values: Tensor) -> list[int]:
    """The rows of (B,) that are NaN or infinite."""
    return [int(row) for row in (~torch.isfinite(values.detach())).nonzero().flatten().tolist()]


def culprits(student: Student, batch: Batch, at: Params | None = None) -> tuple[list[int], int]:
    """The rows whose loss, or else whose gradient, is not finite, and how many examples there are.

    The model is left as found. With several ranks only losses are looked at, since ranks may have different numbers of
    examples, and layers may wait for each other.
    """
    walk, point = student.walk.refresh(), at or {}
    trained = {name: p for name, p in walk.parameters.items() if p.requires_grad}
    leaves = {name: point.get(name, p).detach().requires_grad_() for name, p in trained.items()}
    there = moved(walk, point) if walk.sharded else substituted(walk, {**point, **leaves})
    with preserve_module_state(walk), there, torch.enable_grad():
        losses = losses_of(student.module, student.per_example_loss, batch)
        rows, size = not_finite(losses), len(losses)
        if rows or distributed.world_size() > 1 or size > _MOST_GRADIENTS or not losses.requires_grad:
            return rows, size
    return [row for row in range(size) if _bad_alone(student, batch, row, size, {**point, **leaves}, leaves)], size


def _bad_alone(student: Student, batch: Batch, row: int, size: int, point: Params, leaves: Params) -> bool:
    """Whether this example's gradient by itself is not finite; in a batch, zero times infinity spoils the others' too."""

    def only(leaf: Any) -> Any:
        return leaf[row : row + 1] if isinstance(leaf, Tensor) and leaf.ndim and len(leaf) == size else leaf

    with preserve_module_state(student.walk), substituted(student.walk, point), torch.enable_grad():
        alone = losses_of(student.module, student.per_example_loss, tree_map(only, batch))
        found = torch.autograd.grad(alone.sum(), list(leaves.values()), allow_unused=True)
    return len(alone) == 1 and not all(bool(torch.isfinite(g).all()) for g in found if g is not None)


def clean_examples(student: Student, batch: Batch, ids: Callable[[Batch], Any], at: Params | None = None) -> str:
    """ "clean examples with ids [7]" for a clean batch with something not finite; empty where that cannot be told."""
    try:
        rows, size = culprits(student, batch, at)
        return f"; clean examples with {named(rows, ids(batch), size)}" if rows else ""
    except Exception:  # on the way to another error, which says more
        return ""


def gradient_not_finite(student: Student, batch: Batch, ids: Callable[[Batch], Any], step: int) -> str:
    """The sentence for a training batch whose losses are finite, and their gradient is not."""
    try:
        rows, size = culprits(student, batch)
        those = f" ({named(rows, ids(batch), size)})" if rows else ""
    except Exception:  # an example may not go through the model alone
        those = ""
    return (
        f"the gradient of the training batch is not finite at step {step}{those}: look at these examples, or lower the "
        "learning rate"
    )


def _plain(value: Any) -> Any:
    """A number instead of a tensor or array of one."""
    return value.item() if hasattr(value, "item") and getattr(value, "numel", lambda: 1)() == 1 else value
