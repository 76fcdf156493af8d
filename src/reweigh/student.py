"""The student: the user's model with the loss of its examples, walked once; and the task that an engine is given.

What the model and the loss hold elsewhere is put back by `outside_state`; `several` takes wrappers off first. `as_found` is
how engines call the module with other parameters, and leave it as it was.
"""

import contextlib
import functools
from collections.abc import Hashable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from reweigh import distributed, sharded
from reweigh._torch import runs_compiled
from reweigh._types import AnyLoss, Batch, LayerChoice, Params
from reweigh.as_found import preserve_module_state as preserve_module_state
from reweigh.capture import WRAPPED, Captures, Inputs, Passage
from reweigh.data_parallel import send_no_buffers, takes_shared_passes
from reweigh.errors import BadInput
from reweigh.passes import Scaled, check_loss, forbid_inference_mode, gradients, losses_and_counts
from reweigh.several import held, uncompiled_loss
from reweigh.several import unwrap as unwrap
from reweigh.tokens import at_places, check_per, of_tokens
from reweigh.trained import chosen_parameters
from reweigh.walk import Walk


class Student:
    """The model as it is trained, the loss of each example, and the layers that take part.

    The model may change between steps: what it consists of is compared with what was found before each batch.

    Args:
        model: the student, or a list or dict of modules; wrappers (DDP, `torch.compile`) may stay on.
        per_example_loss: `(model, batch) -> (B,)`.
        layers: only the parameters inside these submodules take part (glob patterns or a predicate).
        walk: through the model without its wrappers, where it was walked already.
        per: what has a loss, an alignment and a weight: "example", or "token" where the loss gives those with a mask.

    Raises:
        BadInput: if the model is neither a module nor a list or dict of modules; for another `per`.
    """

    def __init__(
        self,
        model: Any,
        per_example_loss: AnyLoss,
        layers: LayerChoice = None,
        *,
        walk: Walk | None = None,
        per: str = "example",
    ) -> None:
        check_per(per)
        check_loss(per_example_loss)
        self.model = held(model)
        self.walk = Walk(unwrap(self.model)) if walk is None else walk
        self.module = self.walk.module
        self.per_example_loss, self.layers, self.per = per_example_loss, layers, per
        self.captures: Captures | None = None
        self._chosen: dict[str, nn.Parameter] = {}
        self._chosen_from: Any = None

    def on(self, batch: Batch) -> "EngineTask":
        """The batch under this student.

        Raises:
            BadInput: under `torch.inference_mode`.
        """
        forbid_inference_mode()
        self.walk.refresh()
        task = EngineTask(self, batch)
        if any(map(sharded.is_sharded, self.walk.parameters.values())):
            _ = task.chosen  # now: in the middle of a pass others stand in the parameters' places
        return task

    def with_loss(self, per_example_loss: AnyLoss) -> "Student":
        """The same with another loss, as clean batches may have one; the model is still walked once."""
        return Student(self.model, per_example_loss, self.layers, walk=self.walk, per=self.per)

    @property
    def loss(self) -> AnyLoss:
        """The per-example loss, uncompiled where the user compiled it."""
        loss: AnyLoss = uncompiled_loss(self.per_example_loss)
        return loss

    @property
    def scaled(self) -> bool:
        """Whether the losses are scaled for half precision; see `passes.Scaled`."""
        return isinstance(self.per_example_loss, Scaled)

    def unscaled(self, found: Tensor) -> Tensor:
        """Losses or derivatives of them, in the units of the losses as the user has them."""
        return found / self.per_example_loss.scale if isinstance(self.per_example_loss, Scaled) else found

    @property
    def chosen(self) -> dict[str, nn.Parameter]:
        """The trainable parameters along which the alignment is taken; chosen anew where one has changed in kind.

        Raises:
            BadInput: as `chosen_parameters`.
        """
        all_ = self.walk.parameters.values()
        kinds = [(p.requires_grad, p.dtype, p.__class__) for p in all_], [*map(len, [p.__dict__ for p in all_])]
        basis = self.walk.version, kinds
        if basis != self._chosen_from or callable(self.layers):  # what a predicate goes by is not known
            self._chosen, self._chosen_from = chosen_parameters(self.module, self.layers), basis
        return self._chosen

    @property
    def compiled(self) -> bool:
        """Whether training goes through `torch.compile` somewhere."""
        wrapped = self.model is not self.module and runs_compiled(self.model.modules())
        return wrapped or self.walk.compiled or self.loss is not self.per_example_loss

    def __getstate__(self) -> dict[str, Any]:
        """A copy has other parameters."""
        return {**vars(self), "_chosen": {}, "_chosen_from": None}


class EngineTask:
    """One batch under one student: all that an engine is told.

    Attributes:
        student, batch: as given.
        model, module, walk, per_example_loss, layers, per: the student's.
        counts: which tokens count, (B, T), as the last pass told; None where losses are examples' own.
        kinds: what an engine's passes come by, operation by operation, as far as it looks: a check vouches for no more.
        places: where examples lie, as proven in earlier passes of the same manner; empty where there were none.
        trained_on: how often a pass of training has begun through the model as it was given.
    """

    def __init__(self, student: Student, batch: Batch) -> None:
        self.student, self.batch = student, batch
        self.model, self.module, self.walk = student.model, student.module, student.walk
        self.per_example_loss, self.layers, self.per = student.per_example_loss, student.layers, student.per
        self.counts: Tensor | None = None
        self.kinds: set[Hashable] = set()
        self.places: dict[Hashable, Any] = {}
        self.trained_on, self._apart = 0, False

    def with_batch(self, batch: Batch) -> "EngineTask":
        """The same with another batch of the same kind: what was found out of the one holds for the other."""
        if batch is self.batch:
            return self
        other = EngineTask(self.student, batch)
        other.kinds, other.places = self.kinds, self.places
        return other

    def passage(self, name: str, inputs: Inputs, *kind: Hashable, least: int = 0) -> Passage | None:
        """A pass that is recorded, or made again without Python; None where Python makes it, which is then said."""
        if (captures := self.student.captures) is None:
            return None
        bar = WRAPPED if self.wrapped or distributed.world_size() > 1 else inputs.bar
        scale = self.per_example_loss.scale if isinstance(self.per_example_loss, Scaled) else 1.0
        of = (*kind, inputs.kind, self.per, tuple(self.chosen), scale)
        return captures.passage(name, self.walk, self.per_example_loss, inputs.tensors, of, bar=bar, least=least)

    @functools.cached_property
    def chosen(self) -> dict[str, nn.Parameter]:
        """The trainable parameters along which the alignment is taken."""
        return self.student.chosen

    @functools.cached_property
    def loss(self) -> AnyLoss:
        """The per-example loss, uncompiled where the user compiled it."""
        return self.student.loss

    @property
    def parameters(self) -> dict[str, nn.Parameter]:
        """All parameters by name, as they stand when nothing stands in their places."""
        return self.walk.parameters

    @property
    def devices(self) -> set[torch.device]:
        """Where the parameters live."""
        return self.walk.devices

    @functools.cached_property
    def compiled(self) -> bool:
        """Whether training goes through `torch.compile` somewhere."""
        return self.student.compiled

    @property
    def wrapped(self) -> bool:
        """Whether training goes through a wrapper or a compiled part, which the engines' own passes leave out; or through
        `fully_shard`, whose parameters these let the layers gather with others in their places.
        """
        return self.model is not self.module or self.compiled or self.sharded

    @property
    def shareable(self) -> bool:
        """Whether an engine's own pass may serve training: there is no wrapper, or one that such a pass goes through."""
        return not self.wrapped or (
            not (self.compiled or self.sharded) and takes_shared_passes(self.model, self.module)
        )

    @property
    def unread(self) -> bool:
        """Whether no number is to be read for a choice between two ways, since passes may be recorded."""
        return self.student.captures is not None

    @property
    def sharded(self) -> bool:
        """Whether parameters are spread over ranks, so that all ranks have to make the same passes."""
        return bool(self.walk.sharded)

    def anywhere(self, here: bool) -> bool:
        """Whether something is so: on any of the ranks, where all have to do the same."""
        return distributed.anywhere(here, next(iter(self.devices))) if self.sharded else here

    def gradients(
        self, outputs: Tensor, weights: Tensor | None = None, *, keep_graph: bool = False
    ) -> tuple[Tensor | None, ...]:
        """`passes.gradients` by the chosen parameters; of those that are spread over ranks, means over ranks."""
        leaves = list(self.chosen.values())
        if self.sharded:
            return sharded.gradients(self.walk.sharded, outputs, leaves, weights, keep_graph=keep_graph)
        return gradients(outputs, leaves, weights, keep_graph=keep_graph)

    def losses(self) -> Tensor:
        """The losses as the engines see them, (B,): of the unwrapped module, checked; of n tokens with `per="token"`."""
        losses, self.counts = losses_and_counts(self.module, self.loss, self.batch, self.per)
        return losses

    def shared_losses(self) -> Tensor:
        """The same of a pass that is to serve training too, through the wrapper where it is `shareable`; in a block that is
        `apart` as `losses`.
        """
        return self.losses() if self._apart or not self.wrapped else self.training_losses()

    @contextlib.contextmanager
    def apart(self) -> Iterator[None]:
        """Within the block shared passes are made to be looked at, and serve no training."""
        before, self._apart = self._apart, True
        try:
            yield
        finally:
            self._apart = before

    @property
    def tokens(self) -> Tensor | None:
        """Which tokens count, (B, T), where each has a loss, an alignment and a weight of its own."""
        return self.counts if self.per == "token" else None

    def placed(self, values: Tensor) -> Tensor:
        """Flat values as people have them: (B,), or tokens at their places, (B, T), zero where none counts."""
        return values if self.tokens is None else at_places(values, self.tokens)

    def each(self, found: Any) -> Any:
        """What is known of each example, such as its id: of each that has a loss."""
        return found if self.tokens is None else of_tokens(found, self.tokens)

    def losses_alone(self) -> Tensor:
        """The same numbers without a graph; the model is left as found.

        A loss may take gradients itself (a gradient penalty, forces, a look-ahead): it is given a graph then.
        """
        try:
            with preserve_module_state(self.walk), torch.no_grad():
                return self.losses()
        except RuntimeError as error:
            if "does not require grad" not in str(error):
                raise
        with preserve_module_state(self.walk), torch.enable_grad():
            return self.losses().detach()

    def training_losses(self) -> Tensor:
        """The losses as training sees them, (B,): through the wrappers, so that compiled and distributed parts work."""
        if self.trained_on:
            send_no_buffers(self.model)
        self.trained_on += 1
        with torch.enable_grad():
            losses, self.counts = losses_and_counts(self.model, self.per_example_loss, self.batch, self.per)
        return losses

    def tangents(self, direction: Params) -> dict[str, Tensor]:
        """The part of the direction that lies in the chosen parameters, checked against them.

        Raises:
            BadInput: for a name that is no parameter, or a tensor of another shape.
        """
        known, kind = self.parameters, type(self.module).__name__
        for name, v in direction.items():
            if name not in known:
                raise BadInput(
                    f"the direction has an entry {name!r}, which is no parameter of {kind}: make it with clean_direction() "
                    "for this model"
                )
            if v.shape != known[name].shape:
                shapes = f"shape {tuple(v.shape)} but the parameter has {tuple(known[name].shape)}"
                raise BadInput(f"the direction's entry {name!r} has {shapes}")
        return {
            name: sharded.spread_as(direction[name].detach(), p).to(p.device, p.dtype)
            for name, p in self.chosen.items()
            if name in direction
        }
