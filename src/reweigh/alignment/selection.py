"""A training pass over the examples with a weight only: L2RW gives none to about half of a batch.

The weights come first, from a pass that keeps no graph; then forward and backward run over the examples that count, a share
s of the batch: 3·s passes. That is less than a training pass of its own (3), and less than what the forward engine's shared
pass has still to do (2) where s is below two thirds.

The gradient is the same to rounding where the losses of a part of the batch are those of the whole, where no random numbers
are drawn and where buffers do not depend on the batch. All of that is tried at the first batch, and again whenever parts of
the model go from train to eval mode. Elsewhere (train-mode BatchNorm, dropout, wrappers) the whole batch is taken, and
`reason` says so.
"""

from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from reweigh._types import Batch
from reweigh.alignment.engine import Engine, Task, Weigh, Weighted
from reweigh.as_found import undisturbed

_LARGEST = 0.8
"""With a larger share of examples that count, the whole batch is taken."""
_EXACT, _APPROXIMATE = 1e3, 2e-2
"""How far losses may be apart: in units of rounding, and for an engine whose losses are approximate."""


class Selection:
    """Whether a batch can be taken apart, found out once for each mode of the model; and the pass over a part of it."""

    def __init__(self) -> None:
        self.reason = ""
        self._found: dict[tuple[bool, ...], str] = {}

    def works(self, task: Task) -> bool:
        """Whether the examples that count can be trained on by themselves."""
        key = tuple(part.training for part in task.module.modules())
        if key not in self._found:
            self._found[key] = _hindrance(task)
        self.reason = f"zero weights: {self._found[key] or 'a pass over the other examples only'}"
        return not self._found[key]

    def backward(self, engine: Engine, task: Task, direction: dict[str, Tensor], weigh: Weigh) -> Weighted:
        """As `Engine.backward`; the weights first, then the training pass over those that have one."""
        alignments, losses = engine.look(task, direction)
        weights = weigh(alignments, losses)
        rows = weights.nonzero().flatten()
        if 0 < len(rows) <= _LARGEST * len(weights):
            some = Task(task.model, task.per_example_loss, part_of(task.batch, rows, len(weights)), task.layers)
            own = some.training_losses()
            if _same(own.detach(), losses[rows], engine.exact):
                torch.autograd.backward(own, weights[rows])
                return Weighted(losses.index_copy(0, rows, own.detach()), weights)
            self._found = dict.fromkeys(self._found, "the whole batch, since a part of it has other losses")
        whole = task.training_losses()
        torch.autograd.backward(whole, weights)
        return Weighted(whole.detach(), weights)


def part_of(batch: Batch, rows: Tensor, n: int) -> Batch:
    """These rows of every tensor of the batch that has n of them."""

    def some(leaf: Any) -> Any:
        return leaf[rows.to(leaf.device)] if isinstance(leaf, Tensor) and leaf.ndim and len(leaf) == n else leaf

    return tree_map(some, batch)


def _hindrance(task: Task) -> str:
    """Why examples cannot be taken out of the batch; empty where they can."""
    if task.wrapped:
        return "the whole batch, since training goes through a wrapper"
    before = torch.get_rng_state()
    with undisturbed(task.module), torch.no_grad():
        whole, buffers = task.losses(), _buffers(task)
        if not torch.equal(torch.get_rng_state(), before):
            return "the whole batch, since its pass draws random numbers"
    rows = torch.arange(1, len(whole), 2, device=whole.device)  # not the first: random numbers would be the same
    if not len(rows):
        return "the whole batch, of one example"
    some = Task(task.model, task.per_example_loss, part_of(task.batch, rows, len(whole)), task.layers)
    try:
        with undisturbed(task.module), torch.no_grad():
            part, after = some.losses(), _buffers(task)
    except Exception as error:
        return f"the whole batch, since a part of it does not go through the model ({type(error).__name__})"
    if not _same(part, whole[rows], True) or not all(map(torch.equal, buffers, after)):
        return "the whole batch, since the model makes something else of a part of it"
    return ""


def _buffers(task: Task) -> list[Tensor]:
    return [buffer.clone() for buffer in task.module.buffers()]


def _same(one: Tensor, other: Tensor, exact: bool) -> bool:
    tolerance = _EXACT * torch.finfo(one.dtype).eps if exact else _APPROXIMATE
    return one.shape == other.shape and bool((one - other).abs().max() <= tolerance * other.abs().max())
