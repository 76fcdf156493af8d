"""Dual numbers: one forward pass gives every example's alignment.

Each chosen parameter p becomes the dual number p + v·δ; the losses come out as ℓ + a·δ, and a_i = ⟨∇ℓ_i, v⟩ is the
directional derivative of ℓ_i. Nothing is assumed about how examples interact, so train-mode BatchNorm is exact too. The
cost is about one forward pass for the losses and two for the tangents, and no graph is kept.
"""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.autograd.forward_ad import dual_level, make_dual, unpack_dual

from reweigh._types import Params
from reweigh.alignment.engine import Engine
from reweigh.alignment.refusal import refusing
from reweigh.alignment.unfused import Unfused
from reweigh.as_found import preserve_module_state, substituted
from reweigh.student import EngineTask


class Forward(Engine):
    """Forward-mode differentiation (dual numbers): exact, train-mode BatchNorm included."""

    name: ClassVar[str] = "forward"
    exact: ClassVar[bool] = True

    def alignments(self, task: EngineTask, direction: Params) -> Tensor:
        """One dual forward pass that records no graph."""
        return self.alignments_and_losses(task, direction)[0]

    def alignments_and_losses(self, task: EngineTask, direction: Params) -> tuple[Tensor, Tensor]:
        """The same pass shows the losses."""
        constants = {name: p.detach() for name, p in task.parameters.items()}
        with refusing(self, task, direction), preserve_module_state(task.walk):
            losses, alignments = _dual_pass(task, constants, task.tangents(direction))
        return alignments, losses.detach()

    def shared_pass(self, task: EngineTask, direction: Params) -> tuple[Tensor, Tensor]:
        """The dual pass as the training pass: its losses carry the graph that the weighted backward pass needs."""
        with refusing(self, task, direction):
            return _dual_pass(task, task.parameters, task.tangents(direction))

    def probe(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """One module's call with dual numbers, inputs included."""
        with dual_level(), torch.enable_grad(), Unfused(forward_mode=True):

            def dual(value: Any) -> Any:
                if isinstance(value, Tensor) and value.is_floating_point():
                    return make_dual(value.detach(), torch.ones_like(value))
                return value

            parameters = {name: dual(p) for name, p in module.named_parameters()}
            with substituted(module, parameters):
                module(*map(dual, args), **{k: dual(v) for k, v in kwargs.items()})


def _dual_pass(task: EngineTask, values: Params, tangents: Params) -> tuple[Tensor, Tensor]:
    """The losses at `values`, with their graph if these require gradients, and their tangents, detached; both (B,)."""
    with dual_level(), torch.enable_grad():
        duals = {name: make_dual(p, tangents[name]) if name in tangents else p for name, p in values.items()}
        with substituted(task.walk, duals), Unfused(forward_mode=True):
            losses = task.losses()
        primal, tangent = unpack_dual(losses)
    return primal, torch.zeros_like(primal.detach()) if tangent is None else tangent.detach()
