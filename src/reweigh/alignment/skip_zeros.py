"""An engine that trains on the examples with a weight only: L2RW gives none to about half of a batch.

The weights come first, from a pass that keeps no graph; then forward and backward run over the examples that count, a share
s of the batch: 3·s passes. That is less than a training pass of its own (3), and less than what the forward engine's shared
pass has still to do (2) where s is below two thirds.
"""

import torch

from reweigh._types import Params
from reweigh.alignment.engine import Engine, Weigh, Weighted
from reweigh.alignment.selection import Selection, same
from reweigh.student import EngineTask

_LARGEST = 0.8
"""With a larger share of examples that count, the whole batch is taken."""


class SkipZeros:
    """Wraps an engine; `selection` knows which batches can be taken apart."""

    def __init__(self, engine: Engine, selection: Selection) -> None:
        self._engine, self._selection = engine, selection

    def backward(self, task: EngineTask, direction: Params, weigh: Weigh, *, share: bool = True) -> Weighted:
        """As `Engine.backward`; the weights first, then the training pass over those that have one."""
        engine, selection = self._engine, self._selection
        if engine.assembles or not selection.works(task):
            return engine.backward(task, direction, weigh, share=share)
        alignments, losses = engine.alignments_and_losses(task, direction)
        weights = weigh(alignments, losses)
        rows = weights.nonzero().flatten()
        if 0 < len(rows) <= _LARGEST * len(weights):
            own = selection.losses_of_some(task, rows, len(weights))
            if own is not None and same(own.detach(), losses[rows], engine.exact):
                torch.autograd.backward(own, weights[rows])
                return Weighted(losses.index_copy(0, rows, own.detach()), weights)
            selection.fails()
        whole = task.training_losses()
        torch.autograd.backward(whole, weights)
        return Weighted(whole.detach(), weights)
