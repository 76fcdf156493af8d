"""What an engine is: given a batch and a direction v, the alignments a_i = ⟨∇ℓ_i(θ), v⟩.

An engine knows nothing of rules. Beside `alignments` it offers `backward`, which also fills `.grad` with the gradient of
Σ w_i ℓ_i for weights that depend on the alignments, so that an engine that has passes to share can share them.
"""

import abc
import dataclasses
import functools
from collections.abc import Callable, Hashable
from typing import Any, ClassVar, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from reweigh._types import Batch, LayerChoice, Params, PerExampleLoss
from reweigh.as_found import undisturbed
from reweigh.errors import BadInput
from reweigh.several import held, uncompiled_loss, unwrap
from reweigh.student import forbid_inference_mode, is_compiled, losses_of
from reweigh.trained import chosen_parameters


@dataclasses.dataclass(frozen=True)
class Task:
    """One batch under one model, be it given as one module or as several: all that an engine is told."""

    model: nn.Module
    per_example_loss: PerExampleLoss
    batch: Batch
    layers: LayerChoice = None
    kinds: set[Hashable] = dataclasses.field(default_factory=set, compare=False, repr=False)
    """What an engine's passes come by, operation by operation, as far as it looks: a check vouches for no more."""
    places: dict[Hashable, Any] = dataclasses.field(default_factory=dict, compare=False, repr=False)
    """Where examples lie, as proven in earlier passes of the same manner; empty where there were none."""

    def __post_init__(self) -> None:
        forbid_inference_mode()
        object.__setattr__(self, "model", held(self.model))

    @functools.cached_property
    def module(self) -> nn.Module:
        """The model without its wrappers."""
        return unwrap(self.model)

    @functools.cached_property
    def chosen(self) -> dict[str, nn.Parameter]:
        """The trainable parameters along which the alignment is taken."""
        return chosen_parameters(self.module, self.layers)

    @property
    def devices(self) -> set[torch.device]:
        """Where the parameters live."""
        return {p.device for p in self.module.parameters()}

    @property
    def loss(self) -> PerExampleLoss:
        """The per-example loss, uncompiled where the user compiled it."""
        loss: PerExampleLoss = uncompiled_loss(self.per_example_loss)
        return loss

    @property
    def wrapped(self) -> bool:
        """Whether training goes through a wrapper or a compiled part, which the engines' own passes leave out."""
        return self.model is not self.module or self.compiled

    @property
    def compiled(self) -> bool:
        """Whether training goes through `torch.compile` somewhere."""
        return self.loss is not self.per_example_loss or is_compiled(self.model)

    def losses(self) -> Tensor:
        """The losses as the engines see them, (B,): of the unwrapped module, checked."""
        return losses_of(self.module, self.loss, self.batch)

    def losses_alone(self) -> Tensor:
        """The same numbers without a graph; the model is left as found.

        A loss may take gradients itself (a gradient penalty, forces, a look-ahead): it is given a graph then.
        """
        try:
            with undisturbed(self.module), torch.no_grad():
                return self.losses()
        except RuntimeError as error:
            if "does not require grad" not in str(error):
                raise
        with undisturbed(self.module), torch.enable_grad():
            return self.losses().detach()

    def training_losses(self) -> Tensor:
        """The losses as training sees them, (B,): through the wrappers, so that compiled and distributed parts work."""
        with torch.enable_grad():
            return losses_of(self.model, self.per_example_loss, self.batch)

    def tangents(self, direction: Params) -> dict[str, Tensor]:
        """The part of the direction that lies in the chosen parameters, checked against them.

        Raises:
            BadInput: for a name that is no parameter, or a tensor of another shape.
        """
        known = dict(self.module.named_parameters())
        for name, v in direction.items():
            if name not in known:
                raise BadInput(
                    f"the direction has an entry {name!r}, which is no parameter of {type(self.module).__name__}: "
                    "make it with clean_direction() for this model"
                )
            if v.shape != known[name].shape:
                raise BadInput(
                    f"the direction's entry {name!r} has shape {tuple(v.shape)} but the parameter has "
                    f"{tuple(known[name].shape)}"
                )
        return {name: direction[name].detach().to(p) for name, p in self.chosen.items() if name in direction}


class Weighted(NamedTuple):
    """What a fused backward returns: the losses and the weights of the batch, both (B,) and detached."""

    losses: Tensor
    weights: Tensor


Weigh = Callable[[Tensor, Tensor], Tensor]
"""`(alignments (B,), losses (B,)) -> weights (B,)`: the rule, as an engine sees it."""


class Aligns(Protocol):
    """What gives alignments: an engine, or what has one."""

    def alignments(self, task: Task, direction: Params) -> Tensor:
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

    @abc.abstractmethod
    def alignments(self, task: Task, direction: Params) -> Tensor:
        """a_i = ⟨∇ℓ_i(θ), v⟩, shape (B,), detached; the model is left as found.

        Raises:
            EngineRefused: naming the layer, where this engine cannot be right.
        """

    def probe(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Take one call of a submodule through what the engine does: raises whatever PyTorch raises there."""
        return

    def roughness(self, task: Task, direction: Params, alignments: Tensor) -> float:
        """How far off it may be, relative to all alignments together, where it is not exact: as it tells itself."""
        return 0.0

    def look(self, task: Task, direction: Params) -> tuple[Tensor, Tensor]:
        """The alignments and, from the same passes where they show them, the losses; both (B,), without a graph."""
        return self.alignments(task, direction), task.losses_alone()

    def joint(self, task: Task, direction: Params) -> tuple[Tensor, Tensor] | None:
        """The losses of a training pass, with their graph, and the alignments from that same pass, both (B,).

        None where the engine has no pass to share.
        """
        return None

    def backward(
        self,
        task: Task,
        direction: Params,
        weigh: Weigh,
        *,
        share: bool = True,
    ) -> Weighted:
        """Add the gradient of Σ w_i ℓ_i to `.grad`; the training pass happens once, as in plain training.

        With `share`, passes are shared where the engine can and no wrapper wants a forward pass of its own.
        """
        both = self.joint(task, direction) if share and not task.wrapped else None
        if both is None:
            alignments = self.alignments(task, direction)
            both = task.training_losses(), alignments
        losses, alignments = both
        weights = weigh(alignments, losses.detach())
        torch.autograd.backward(losses, weights)
        return Weighted(losses.detach(), weights)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"
