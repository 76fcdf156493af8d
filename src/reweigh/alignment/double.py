"""Double backward: the papers' own way, and the slow reference that the other engines are held against.

With ε of zeros, g(ε) = ∇_θ Σ ε_i ℓ_i(θ) is linear in ε, and ⟨g(ε), v⟩ differentiated by ε is the vector of alignments
(Ren et al. 2018, equation 7, without the copy of the model). The graph of the backward pass is built and then traversed:
time and memory are those of the papers' scripts, 3.5 to 5 times a plain step.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from reweigh._types import Params
from reweigh.alignment.double_backward import graph_only
from reweigh.alignment.engine import Engine
from reweigh.alignment.refusal import refusing
from reweigh.alignment.unfused import Unfused
from reweigh.as_found import preserve_module_state, substituted
from reweigh.passes import passes_through
from reweigh.student import EngineTask


class Double(Engine):
    """Reverse over reverse: exact, train-mode BatchNorm included, and slow."""

    name: ClassVar[str] = "double"
    exact: ClassVar[bool] = True

    def alignments(self, task: EngineTask, direction: Params) -> Tensor:
        """One forward pass, its backward pass with a graph, and the backward pass of that."""
        return self.alignments_and_losses(task, direction)[0]

    def alignments_and_losses(self, task: EngineTask, direction: Params) -> tuple[Tensor, Tensor]:
        """The same, and the losses of its forward pass."""
        values = {name: p.detach() for name, p in task.parameters.items()}
        for name in task.chosen:
            values[name].requires_grad_()
        with (
            refusing(self, task, direction),
            preserve_module_state(task.walk),
            substituted(task.walk, values),
        ):
            losses, alignments = _differentiate_twice(task.losses, values, task.tangents(direction))
        return alignments, losses.detach()

    def shared_pass(self, task: EngineTask, direction: Params) -> tuple[Tensor, Tensor]:
        """The first forward pass serves the weighted backward pass too."""
        with refusing(self, task, direction):
            return _differentiate_twice(task.shared_losses, task.chosen, task.tangents(direction))

    def probe(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """One module's call, differentiated twice."""
        with torch.enable_grad(), Unfused():
            args = tuple(map(_differentiable, args))
            outputs = [t for t in _tensors(module(*args, **kwargs)) if t.requires_grad]
            leaves = [t for t in _tensors(args) if t.requires_grad]
            leaves += [p for p in module.parameters() if p.requires_grad]
            if not outputs or not leaves:
                return
            weights = [torch.ones_like(t, requires_grad=True) for t in outputs]
            first = torch.autograd.grad(outputs, leaves, weights, create_graph=True, allow_unused=True)
            used = [g for g in first if g is not None and g.requires_grad]
            if used:
                refuse_differentiable_once(used)
                torch.autograd.grad(used, weights, [torch.ones_like(g) for g in used], allow_unused=True)


def _differentiate_twice(made: Callable[[], Tensor], values: Params, tangents: Params) -> tuple[Tensor, Tensor]:
    """The losses with their graph, and the alignments, detached; both (B,)."""
    with torch.enable_grad(), Unfused():
        losses = made()
        epsilon = torch.zeros_like(losses, requires_grad=True)
        leaves = [values[name] for name in tangents]
        if not leaves:
            return losses, torch.zeros_like(losses.detach())
        with graph_only():
            first = torch.autograd.grad(losses, leaves, epsilon, create_graph=True, allow_unused=True)
        used = [(g, v) for g, v in zip(first, tangents.values(), strict=True) if g is not None and g.requires_grad]
        if not used:
            return losses, torch.zeros_like(losses.detach())
        refuse_differentiable_once([g for g, _ in used])
        second = torch.autograd.grad(
            [g for g, _ in used], epsilon, [v for _, v in used], retain_graph=True, allow_unused=True
        )[0]
    return losses, torch.zeros_like(losses.detach()) if second is None else second.detach()


def refuse_differentiable_once(gradients: Iterable[Tensor]) -> None:
    """PyTorch marks a backward pass that allows no second one with a node that raises, but prunes it where it can.

    Raises:
        RuntimeError: if such a node is in the graph of a gradient.
    """
    if passes_through(gradients, "Error"):
        raise RuntimeError("a function marked once_differentiable cannot be differentiated twice")


def _differentiable(value: Any) -> Any:
    """Floating tensors as fresh leaves that require gradients; everything else as it is."""
    if isinstance(value, Tensor) and value.is_floating_point():
        return value.detach().clone().requires_grad_()
    if isinstance(value, tuple | list):
        return type(value)(_differentiable(v) for v in value) if not hasattr(value, "_fields") else value
    return value


def _tensors(output: Any) -> Iterator[Tensor]:
    if isinstance(output, Tensor):
        if output.is_floating_point():
            yield output
    elif isinstance(output, dict):
        for part in output.values():
            yield from _tensors(part)
    elif isinstance(output, tuple | list):
        for part in output:
            yield from _tensors(part)
