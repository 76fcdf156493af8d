"""Double backward: the papers' own way, and the slow reference that the other engines are held against.

With ε of zeros, g(ε) = ∇_θ Σ ε_i ℓ_i(θ) is linear in ε, and ⟨g(ε), v⟩ differentiated by ε is the vector of alignments
(Ren et al. 2018, equation 7, without the copy of the model). The graph of the backward pass is built and then traversed:
time and memory are those of the papers' scripts, 3.5 to 5 times a plain step.
"""

import functools
from typing import ClassVar

import torch
from torch import Tensor

from reweigh._types import Params
from reweigh.alignment.engine import Engine, Task
from reweigh.alignment.refusal import refuse_differentiable_once, refusing
from reweigh.alignment.twice import graph_only
from reweigh.alignment.unfused import Unfused
from reweigh.as_found import substituted, undisturbed


class Double(Engine):
    """Reverse over reverse: exact, train-mode BatchNorm included, and slow."""

    name: ClassVar[str] = "double"
    exact: ClassVar[bool] = True

    def alignments(self, task: Task, direction: Params) -> Tensor:
        """One forward pass, its backward pass with a graph, and the backward pass of that."""
        return self.look(task, direction)[0]

    def look(self, task: Task, direction: Params) -> tuple[Tensor, Tensor]:
        """The same, and the losses of its forward pass."""
        values = {name: p.detach() for name, p in task.module.named_parameters()}
        for name in task.chosen:
            values[name].requires_grad_()
        again = functools.partial(self.look, task, direction)
        with refusing(self.name, task, again), undisturbed(task.module), substituted(task.module, values):
            losses, alignments = _differentiate_twice(task, values, task.tangents(direction))
        return alignments, losses.detach()

    def joint(self, task: Task, direction: Params) -> tuple[Tensor, Tensor]:
        """The first forward pass serves the weighted backward pass too."""
        with refusing(self.name, task, functools.partial(self.look, task, direction)):
            return _differentiate_twice(task, task.chosen, task.tangents(direction))


def _differentiate_twice(task: Task, values: Params, tangents: Params) -> tuple[Tensor, Tensor]:
    """The losses with their graph, and the alignments, detached; both (B,)."""
    with torch.enable_grad(), Unfused():
        losses = task.losses()
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
