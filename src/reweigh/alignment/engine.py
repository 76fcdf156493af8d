"""What an engine is: given a batch and a direction v, the alignments a_i = ⟨∇ℓ_i(θ), v⟩.

An engine knows nothing of rules. Beside `alignments` it offers `backward`, which also fills `.grad` with the gradient of
Σ w_i ℓ_i for weights that depend on the alignments, so that an engine that has passes to share can share them.
"""

import abc
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from reweigh._types import Params
from reweigh.student import EngineTask


class Weighted(NamedTuple):
    """What a fused backward returns: the losses and the weights of the batch, both (B,) and detached."""

    losses: Tensor
    weights: Tensor


Weigh = Callable[[Tensor, Tensor], Tensor]
"""`(alignments (B,), losses (B,)) -> weights (B,)`: the rule, as an engine sees it."""


class Aligns(Protocol):
    """What gives alignments: an engine, or what has one."""

    def alignments(self, task: EngineTask, direction: Params) -> Tensor:
        """a_i = ⟨∇ℓ_i(θ), v⟩, shape (B,), detached; the model is left as found."""
        ...


class Engine(abc.ABC):
    """A way to compute alignments. Engines have no state but their settings."""

    name: ClassVar[str]
    exact: ClassVar[bool]
    assembles: ClassVar[bool] = False
    """Whether `backward` puts the weighted gradient together from the examples' own parts, those without a weight left out;
    then it may find only in the middle of the pass that it cannot.
    """

    spread: ClassVar[bool] = False
    """Whether it works where `fully_shard` has spread the parameters over ranks."""

    @abc.abstractmethod
    def alignments(self, task: EngineTask, direction: Params) -> Tensor:
        """a_i = ⟨∇ℓ_i(θ), v⟩, shape (B,), detached; the model is left as found.

        Raises:
            EngineRefused: naming the layer, where this engine cannot be right.
        """

    def probe(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Take one call of a submodule through what the engine does: raises whatever PyTorch raises there."""
        return

    def roughness(self, task: EngineTask, direction: Params, alignments: Tensor) -> float:
        """How far off it may be, relative to all alignments together, where it is not exact: as it tells itself."""
        return 0.0

    def alignments_and_losses(self, task: EngineTask, direction: Params) -> tuple[Tensor, Tensor]:
        """The alignments and, from the same passes where they show them, the losses; both (B,), without a graph."""
        return self.alignments(task, direction), task.losses_alone()

    def shared_pass(self, task: EngineTask, direction: Params) -> tuple[Tensor, Tensor] | None:
        """The losses of a training pass, with their graph, and the alignments from that same pass, both (B,).

        The losses are `task.shared_losses()`, which knows of wrappers. None where the engine has no pass to share.
        """
        return None

    def backward(
        self,
        task: EngineTask,
        direction: Params,
        weigh: Weigh,
        *,
        share: bool = True,
    ) -> Weighted:
        """Add the gradient of Σ w_i ℓ_i to `.grad`; the training pass happens once, as in plain training.

        With `share`, passes are shared where the engine can and no wrapper wants a forward pass of its own; under
        DistributedDataParallel they go through it.
        """
        before = task.trained_on
        both = self.shared_pass(task, direction) if share and task.shareable else None
        if both is None or (task.wrapped and task.trained_on == before):  # the wrapper has not been told
            alignments = self.alignments(task, direction)
            both = task.training_losses(), alignments
        losses, alignments = both
        weights = weigh(alignments, losses.detach())
        torch.autograd.backward(losses, weights)
        return Weighted(losses.detach(), weights)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"
