"""Whether some examples of a batch can be trained on by themselves, and their losses.

The gradient is the same to rounding where the losses of a part of the batch are those of the whole, where no random numbers
are drawn and where buffers do not depend on the batch. All of that is tried at the first batch, and again whenever parts of
the model go from train to eval mode. Elsewhere (train-mode BatchNorm, dropout, wrappers) the whole batch is taken, and
`reason` says so. What of a batch has one row an example is proven there too, and remembered by its place: a tensor of as
many classes or positions as the batch has examples stays whole.
"""

from collections.abc import Collection, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from reweigh._types import Batch
from reweigh.as_found import preserve_module_state
from reweigh.batches import DEEPEST, Path, fields_of, replaced
from reweigh.student import EngineTask

_MOST_PLACES = 8
_EXACT, _APPROXIMATE = 1e3, 2e-2
"""How far losses may be apart: in units of rounding, and for an engine whose losses are approximate."""


class Selection:
    """Whether a batch can be taken apart, found out once for each mode of the model."""

    def __init__(self) -> None:
        self.reason = ""
        self._found: dict[tuple[bool, ...], str] = {}
        self._places: set[Path] = set()

    def works(self, task: EngineTask) -> bool:
        """Whether the examples that count can be trained on by themselves."""
        key = tuple([part.training for part in task.walk.parts])
        if key not in self._found:
            self._found[key], places = _hindrance(task)
            self._places |= places
        self.reason = f"zero weights: {self._found[key] or 'a pass over the other examples only'}"
        return not self._found[key]

    def fails(self) -> None:
        """A part of a batch had other losses after all."""
        self._found = dict.fromkeys(self._found, "the whole batch, since a part of it has other losses")

    def losses_of_some(self, task: EngineTask, rows: Tensor, n: int) -> Tensor | None:
        """The training losses of these of n examples; None where the batch cannot be cut as the first one was."""
        if not self._places <= set(places_with_rows(task.batch, n)):
            return None
        try:
            return _of_part(task, part_of(task.batch, rows, n, self._places)).training_losses()
        except Exception:
            return None  # the pass over the whole batch raises what is the user's own


def part_of(batch: Batch, rows: Tensor, n: int, places: Collection[Path] | None = None) -> Batch:
    """These of n examples, wherever the batch has one row an example; `places` says where, default all that have n rows."""
    chosen = set(places_with_rows(batch, n) if places is None else places)

    def some(path: Path, part: Any) -> Any:
        if path not in chosen:
            return part
        if isinstance(part, Tensor):
            return part[rows.to(part.device)]
        if isinstance(part, np.ndarray):
            return part[rows.cpu().numpy()]
        return type(part)(part[i] for i in rows.tolist())

    return replaced(batch, some)


def places_with_rows(batch: Batch, n: int) -> list[Path]:
    """Where a batch has tensors or arrays of n rows, or lists of n items that are not themselves such tensors."""
    return list(_with_rows(batch, n, ()))


def _with_rows(part: Any, n: int, path: Path) -> Iterator[Path]:
    if isinstance(part, Tensor | np.ndarray):
        if part.ndim and len(part) == n:
            yield path
    elif type(part) in (list, tuple) and len(part) == n and not _are_fields(part, n, whole=not path):
        yield path
    elif len(path) <= DEEPEST:
        for key, item in (fields_of(part) or {}).items():
            yield from _with_rows(item, n, (*path, key))


def _are_fields(part: Any, n: int, *, whole: bool) -> bool:
    """Whether a list of n is one of fields with n rows each, as (inputs, labels) of two examples are."""
    tensors = [item for item in part if isinstance(item, Tensor | np.ndarray)]
    return len(tensors) == n and (whole or all(item.ndim and len(item) == n for item in tensors))


def _of_part(task: EngineTask, batch: Batch) -> EngineTask:
    return EngineTask(task.student, batch)


def _hindrance(task: EngineTask) -> tuple[str, set[Path]]:
    """Why examples cannot be taken out of the batch, empty where they can; and then where it has one row an example."""
    if task.wrapped:
        return "the whole batch, since training goes through a wrapper", set()
    if task.per == "token":
        return "the whole batch, since tokens are not taken out of their examples", set()
    before = torch.get_rng_state()
    with preserve_module_state(task.walk), torch.no_grad():
        whole, buffers = task.losses(), _buffers(task)
        if not torch.equal(torch.get_rng_state(), before):
            return "the whole batch, since its pass draws random numbers", set()
    rows = torch.arange(1, len(whole), 2, device=whole.device)  # not the first: random numbers would be the same
    if not len(rows):
        return "the whole batch, of one example", set()
    places, why = places_with_rows(task.batch, len(whole)), ""
    others = [places[:k] + places[k + 1 :] for k in range(len(places))] if 1 < len(places) <= _MOST_PLACES else []
    for chosen in (places, *others):  # what has as many rows by chance is left out once
        batch = part_of(task.batch, rows, len(whole), chosen)
        try:
            with preserve_module_state(task.walk), torch.no_grad():
                part, after = _of_part(task, batch).losses(), _buffers(task)
        except Exception as error:
            why = why or f"a part of it does not go through the model ({type(error).__name__})"
            continue
        if same(part, whole[rows], True) and all(map(torch.equal, buffers, after)):
            return "", set(chosen)
        why = why or "the model makes something else of a part of it"
    return f"the whole batch, since {why}", set()


def _buffers(task: EngineTask) -> list[Tensor]:
    return [buffer.clone() for buffer in task.module.buffers()]


def same(one: Tensor, other: Tensor, exact: bool) -> bool:
    """Whether losses of some examples are what they were in the whole batch."""
    tolerance = _EXACT * torch.finfo(one.dtype).eps if exact else _APPROXIMATE
    return one.shape == other.shape and bool((one - other).abs().max() <= tolerance * other.abs().max())
