"""An engine's passes recorded once and made again without Python, between the looks of the host: rules stay as they are.

A step of alignments and weights has two parts. The first gives losses and alignments; then the rule, the checks for
numbers that are not finite and the report are Python's, as ever; the second gives the gradient of Σ w_i ℓ_i from what the
first has left.
"""

import contextlib
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from reweigh._types import Params
from reweigh.alignment.engine import Engine, Weigh, Weighted
from reweigh.capture import Inputs, Passage
from reweigh.rng import kept
from reweigh.states import Look
from reweigh.student import EngineTask

First = Callable[[EngineTask, Params], list[Tensor | None]]
"""From a task, and tensors by name, to its losses with their graph, and others without one."""
_LEAST = 100
"""Operations of an ordinary pass; there is so little Python in it that it pays only where there are many."""
Ask = Callable[[Engine, EngineTask, Params], tuple[Tensor, ...]]
"""What is asked of an engine about a task along a direction."""


def asked(engine: Engine, task: EngineTask, direction: Params, ask: Ask) -> tuple[Tensor, ...]:
    """`ask(engine, task, direction)`, which leaves the model as found, without Python where that was recorded."""
    if not task.unread:
        return ask(engine, task, direction)
    inputs = Inputs(task.batch, direction)
    if (passage := task.passage(f"alignments by {engine.name}", inputs)) is None:
        return ask(engine, task, direction)

    def body(tensors: Sequence[Tensor]) -> list[Tensor | None]:
        batch, along = inputs.taken(tensors)
        return list(ask(engine, task.with_batch(batch), along))

    with kept(task.devices) if passage.random else contextlib.nullcontext():
        found = passage.run(inputs.tensors, body)
    passage.done()
    return tuple(t for t in found if t is not None)


class Training:
    """A pass that trains, in two parts: the losses, and the gradient of Σ w_i ℓ_i once the weights are known.

    Attributes:
        losses: (B,), without a graph.
        more: what else the first part gives, such as alignments.
    """

    def __init__(self, task: EngineTask, passage: Passage, inputs: Inputs, first: First) -> None:
        self._passage = passage
        self._graph: list[Tensor] = []
        self._trained = [p for p in task.parameters.values() if p.requires_grad]

        def body(tensors: Sequence[Tensor]) -> list[Tensor | None]:
            batch, others = inputs.taken(tensors)
            losses, *more = first(task.with_batch(batch), others)
            assert losses is not None
            self._graph.append(losses)
            return [losses.detach(), *more]

        losses, *self.more = passage.run(inputs.tensors, body)
        assert losses is not None
        self.losses = losses

    def back(self, weights: Tensor) -> None:
        """Adds to `.grad`."""

        def body(tensors: Sequence[Tensor]) -> list[Tensor | None]:
            return list(torch.autograd.grad(self._graph.pop(), self._trained, tensors[0], allow_unused=True))

        _add(self._trained, self._passage.run([weights], body), weights)
        self._passage.done()


def training(task: EngineTask, look: Look) -> Training | None:
    """An ordinary pass that trains, watched by `look`; None where Python makes it."""
    if not task.unread:
        return None
    inputs = Inputs(task.batch, {})
    if (passage := task.passage("the training pass", inputs, look.kind, least=_LEAST)) is None:
        return None

    def first(at: EngineTask, _: Params) -> list[Tensor | None]:
        with look.at(at.module, at.batch):
            losses = at.training_losses()
        return [losses, *look.numbers]

    pass_ = Training(task, passage, inputs, first)
    look.take(pass_.more)
    return pass_


def backward(engine: Engine, task: EngineTask, direction: Params, weigh: Weigh, *, share: bool) -> Weighted:
    """`engine.backward`, without Python where that was recorded."""
    if not task.unread or type(engine).backward is not Engine.backward:  # somebody's engine goes its own way
        return engine.backward(task, direction, weigh, share=share)
    inputs = Inputs(task.batch, direction)
    if (passage := task.passage(f"weights and gradient by {engine.name}", inputs, share)) is None:
        return engine.backward(task, direction, weigh, share=share)

    def first(at: EngineTask, along: Params) -> list[Tensor | None]:
        if share and (both := engine.shared_pass(at, along)) is not None:
            return list(both)
        alignments = engine.alignments(at, along)
        return [at.training_losses(), alignments]

    pass_ = Training(task, passage, inputs, first)
    alignments = pass_.more[0]
    assert alignments is not None
    weights = weigh(alignments, pass_.losses)
    pass_.back(weights)
    return Weighted(pass_.losses, weights)


@torch.no_grad()
def _add(trained: Sequence[nn.Parameter], found: Sequence[Tensor | None], weights: Tensor) -> None:
    """Gradients into `.grad`, each in memory of its own."""
    taken = {weights.untyped_storage().data_ptr()}
    for p, g in zip(trained, found, strict=True):
        if g is None:
            continue
        if p.grad is not None or g.is_sparse:
            p.grad = g if p.grad is None else p.grad + g if p.grad.is_sparse else p.grad.add_(g)
            continue
        place = g.untyped_storage().data_ptr()
        if place in taken or g.stride() != p.stride():
            g = torch.empty_like(p).copy_(g)
        taken.add(g.untyped_storage().data_ptr())
        p.grad = g.detach()
