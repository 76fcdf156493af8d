"""Dual numbers: one forward pass gives every example's alignment.

Each chosen parameter p becomes the dual number p + v·δ; the losses come out as ℓ + a·δ, and a_i = ⟨∇ℓ_i, v⟩ is the
directional derivative of ℓ_i. Nothing is assumed about how examples interact, so train-mode BatchNorm is exact too. The
cost is about one forward pass for the losses and two for the tangents, and no graph is kept.
"""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.autograd.forward_ad import dual_level, make_dual, unpack_dual

from reweigh import sharded
from reweigh._types import Params
from reweigh.alignment.engine import Engine
from reweigh.alignment.refusal import refusing
from reweigh.alignment.unfused import Unfused
from reweigh.as_found import preserve_module_state, standing_in, substituted
from reweigh.student import EngineTask


class Forward(Engine):
    """Forward-mode differentiation (dual numbers): exact, train-mode BatchNorm included."""

    name: ClassVar[str] = "forward"
    exact: ClassVar[bool] = True
    spread: ClassVar[bool] = True

    def alignments(self, task: EngineTask, direction: Params) -> Tensor:
        """One dual forward pass that records no graph."""
        return self.alignments_and_losses(task, direction)[0]

    def alignments_and_losses(self, task: EngineTask, direction: Params) -> tuple[Tensor, Tensor]:
        """The same pass shows the losses."""
        with refusing(self, task, direction), preserve_module_state(task.walk):
            losses, alignments = _dual_pass(task, task.tangents(direction), graph=False)
        return alignments, losses.detach()

    def shared_pass(self, task: EngineTask, direction: Params) -> tuple[Tensor, Tensor]:
        """The dual pass as the training pass: its losses carry the graph that the weighted backward pass needs."""
        with refusing(self, task, direction):
            return _dual_pass(task, task.tangents(direction), graph=True)

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


def _dual_pass(task: EngineTask, tangents: Params, *, graph: bool) -> tuple[Tensor, Tensor]:
    """The losses, with their graph where asked for, and their tangents, detached; both (B,)."""

    def dual(name: str, p: Tensor) -> Tensor:
        p = p if graph else p.detach()
        return make_dual(p, sharded.whole(tangents[name], p.dtype)) if name in tangents else p

    with dual_level(), torch.enable_grad():
        with standing_in(task.walk, dual), Unfused(forward_mode=True):
            losses = task.shared_losses() if graph else task.losses()
        primal, tangent = unpack_dual(losses)
    return primal, torch.zeros_like(primal.detach()) if tangent is None else tangent.detach()
