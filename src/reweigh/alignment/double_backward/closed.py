"""An operation whose first and second derivatives we know, as a node of PyTorch's graph.

A double backward pass goes along a direction: ⟨∇_w, t⟩ is differentiated, in which the gradients ∇_w are only passed
through and their values never looked at. Within `graph_only()` rules may leave them out, and derivatives of second order
are ours; they cannot be differentiated a third time. Outside it, where a loss takes gradients of its own with
`create_graph` (a gradient penalty), the gradient is PyTorch's and can be differentiated as often as anyone likes.
"""

from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from reweigh import _torch
from reweigh.alignment.switches import noted
from reweigh.undo import ForAWhile

Maybe = Tensor | None
_graph_only: ContextVar[bool] = ContextVar("graph_only", default=False)


class ClosedForm(Protocol):
    """y = f(inputs) and its derivatives; `kept` is what `value` leaves for them, `wanted` whose derivatives are needed."""

    def value(self, *inputs: Any) -> tuple[Tensor, tuple[Tensor, ...]]:
        """y, and what is kept."""

    def pytorch(self, *inputs: Any) -> Tensor:
        """y by PyTorch's own operations, with no other effect."""

    def first(self, g: Tensor, inputs: Any, kept: Any, wanted: Sequence[bool]) -> Sequence[Maybe]:
        """The cotangents of the inputs by that of y; where `value_unused()`, those of weights may be any numbers."""

    def second(self, u: Sequence[Maybe], g: Tensor, inputs: Any, kept: Any, wanted: Sequence[bool]) -> Sequence[Maybe]:
        """By the cotangents u of what `first` gave (None: zero), those of g and of the inputs; g's is wanted first."""


def graph_only() -> ForAWhile:
    """Within the block gradients taken with `create_graph` may hold any number: only their graph is right."""
    return noted(_graph_only, True)


def value_unused() -> bool:
    """Whether only the graph of a gradient is wanted here."""
    return _graph_only.get()


def closed(rule: ClosedForm, *inputs: Maybe) -> Tensor:
    """y, in the graph by our rule."""
    y: Tensor = _Value.apply(rule, *inputs)  # type: ignore[no-untyped-call]
    return y


def known(*tensors: Maybe) -> bool:
    """Whether the tensors are of one kind, at least 32 bits a number, and nothing is at work that our rules do not know.

    That is autocast; checkpointing, whose blocks are run again within the backward pass, where our rules are not in force,
    and have to save the same tensors then; and the model's own `vmap`, `jvp` or dual numbers.
    """
    given = [tensor for tensor in tensors if tensor is not None]
    alike = len({tensor.dtype for tensor in given}) == 1 and given[0].dtype.itemsize >= 4
    return alike and not torch.is_autocast_enabled(given[0].device.type) and not _transformed()


def _transformed() -> bool:
    return _torch.saves_by_hooks() or _torch.transformed() or _torch.dual_level() >= 0


def filled(u: Sequence[Maybe], like: Sequence[Tensor]) -> list[Tensor]:
    """Cotangents with zeros where there are none."""
    return [torch.zeros_like(x) if one is None else one for one, x in zip(u, like, strict=True)]


class _Value(Function):
    @staticmethod
    def forward(ctx: Any, rule: ClosedForm, *inputs: Maybe) -> Tensor:
        y, kept = rule.value(*inputs)
        ctx.rule, ctx.count = rule, len(inputs)
        ctx.save_for_backward(*inputs, *kept)
        return y

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        saved, wanted = ctx.saved_tensors, ctx.needs_input_grad[1:]
        if torch.is_grad_enabled() and not value_unused():
            return None, *_by_pytorch(ctx.rule, grads[0], saved[: ctx.count], wanted)
        return None, *_Gradient.apply(ctx.rule, ctx.count, wanted, grads[0], *saved)  # type: ignore[no-untyped-call]


class _Gradient(Function):
    @staticmethod
    def forward(ctx: Any, rule: ClosedForm, count: int, wanted: Sequence[bool], g: Tensor, *saved: Maybe) -> Any:
        ctx.rule, ctx.count = rule, count
        ctx.save_for_backward(g, *saved)
        ctx.set_materialize_grads(False)
        return tuple(rule.first(g, saved[:count], saved[count:], wanted))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *cotangents: Maybe) -> Any:
        g, *saved = ctx.saved_tensors
        wanted = ctx.needs_input_grad[3 : 4 + ctx.count]
        found = ctx.rule.second(cotangents, g, saved[: ctx.count], saved[ctx.count :], wanted)
        return None, None, None, *found, *[None] * (len(saved) - ctx.count)


def _by_pytorch(rule: ClosedForm, g: Tensor, inputs: Sequence[Maybe], wanted: Sequence[bool]) -> list[Maybe]:
    """With a graph of its own; aliases, so that one tensor in two places is told apart."""
    aliases = [x if x is None else x.view_as(x) for x in inputs]
    asked = [x for x, want in zip(aliases, wanted, strict=True) if want and x is not None]
    found = iter(torch.autograd.grad(rule.pytorch(*aliases), asked, g, create_graph=True))
    return [next(found) if want else None for want in wanted]
