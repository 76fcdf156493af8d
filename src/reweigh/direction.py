"""The clean direction v: where the parameters would have to go for the clean loss to fall.

For L2RW (Ren et al. 2018, equations 5 to 7) the examples' perturbations ε start at zero, so the look-ahead point is θ
itself and v = ∇L_clean(θ): no second-order differentiation is needed. With `optimizer=` the look-ahead is the optimizer's
own step instead of plain SGD's: the clean gradient is taken where the step would lead with a data gradient of zero
(momentum, decay and moments only), and is then carried back through the step (v = P·∇L_clean). In both cases

    ∂L_clean/∂ε_i = −⟨∇ℓ_i(θ), v⟩        (times the learning rate without `optimizer=`)
"""

import contextlib
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from reweigh import distributed, optimizers, rng, sharded
from reweigh._types import AnyLoss, Batch, LayerChoice, Params
from reweigh.as_found import moved, preserve_module_state, reseed_dropout, substituted
from reweigh.capture import Inputs
from reweigh.errors import BadInput
from reweigh.first_look import empty, leaves_of, refuse_others_reached, refuse_others_trained, unreached
from reweigh.outside_state import all_copied, plan_of
from reweigh.passes import gradients, losses_of
from reweigh.states import Look
from reweigh.student import EngineTask, Student
from reweigh.undo import whole

ZERO = "the clean direction is exactly zero here (the clean loss is flat: fitted, saturated or clipped at zero)"


@whole
def clean_direction(
    model: Any,
    per_example_loss: AnyLoss,
    clean_batch: Batch,
    *,
    optimizer: Optimizer | None = None,
    layers: LayerChoice = None,
    at: Params | None = None,
    gradient: Params | None = None,
    weight_decay: float = 0.0,
    per: str = "example",
) -> dict[str, Tensor]:
    """The gradient of the mean clean loss, by parameter name; with `optimizer`, as the optimizer would apply it.

    The model, its buffers, the random number generators and `.grad` are left as found. Dropout draws masks of its own
    here, so that a clean and a training batch of the same size do not share theirs.

    Args:
        model: the student, or a list or dict of modules; wrappers (DDP, `torch.compile`) are taken off.
        per_example_loss: `(model, batch) -> (M,)`.
        clean_batch: M clean examples, in the form that `per_example_loss` takes.
        optimizer: carry the gradient exactly through the step of SGD (momentum, Nesterov, weight decay), Adam or AdamW;
            any other optimizer is treated as plain SGD with its learning rate, with one warning.
        layers: only the parameters inside these submodules; the backward pass stops there.
        at: parameters to evaluate the gradient at; default: the model's own, or the look-ahead with `optimizer`.
        gradient: the data gradient at which the optimizer's step is looked at; default zero.
        weight_decay: λ adds λθ to the gradient, as the released code of Ren et al. does (not in the paper).
        per: where the loss gives those of tokens, the mean over "example"s of their means, or over all "token"s that count.

    Raises:
        BadInput: if the losses are not one an example or reach none of the parameters that take part, if `layers` chooses
            nothing, the optimizer trains none of it, or the loss or the optimizer has parameters outside the model.
        EngineRefused: under reentrant activation checkpointing, which cannot give gradients of chosen parameters.
    """
    student = Student(model, per_example_loss, layers, per=per)
    v, _ = direction_and_loss(
        student, clean_batch, optimizer=optimizer, at=at, gradient=gradient, weight_decay=weight_decay
    )
    if empty(v):
        warnings.warn(f"{ZERO}: all alignments along it are zero", stacklevel=2)
    return v


def direction_and_loss(
    student: Student,
    clean_batch: Batch,
    *,
    optimizer: Optimizer | None = None,
    at: Params | None = None,
    gradient: Params | None = None,
    weight_decay: float = 0.0,
    look: Look | None = None,
) -> tuple[dict[str, Tensor], Tensor]:
    """As `clean_direction`, with the mean clean loss, shape (), beside it; the pass is watched by `look`."""
    task = student.on(clean_batch)
    chosen = task.chosen
    point: Params = at or {}
    if optimizer is not None:
        if not optimizers.trains(optimizer, chosen):
            raise BadInput(
                "optimizer= trains none of the parameters that take part: pass the one that trains this model"
            )
        if at is None:
            point = optimizers.look_ahead(optimizer, task.parameters, gradient)
    with _first_pass(task, optimizer) as first:
        v, loss = _gradient(task, point, first, look or Look())
    v, loss = {name: student.unscaled(g) for name, g in v.items()}, student.unscaled(loss)
    if weight_decay:
        v = {name: g + weight_decay * point.get(name, chosen[name]).detach() for name, g in v.items()}
    return (v if optimizer is None else optimizers.precondition(v, optimizer, chosen, gradient)), loss


@contextlib.contextmanager
def _first_pass(task: EngineTask, optimizer: Optimizer | None) -> Iterator[bool]:
    """Whether this is the first clean pass of the module with this loss: then what moves and what is reached is noted."""
    module, plan = task.module, plan_of(task.module)
    key = plan.manner(task.walk.parts, task.per_example_loss)
    if key in plan.passed:
        yield False
        return
    refuse_others_trained(module, optimizer)
    with all_copied(module):
        yield True
    plan.passed.add(key)


def _gradient(task: EngineTask, point: Params, first: bool, look: Look) -> tuple[dict[str, Tensor], Tensor]:
    """∇ of the mean loss with respect to the chosen parameters alone, at `point`, and that loss, shape ()."""
    found = None if first or not task.unread else _recorded(task, point, look)
    grads, loss = found or _clean_pass(task, point, look, first=first, reseed=True)
    if distributed.world_size() > 1:  # ranks send as many numbers, whatever each of them used
        grads = [torch.zeros_like(p) if g is None else g for p, g in zip(task.chosen.values(), grads, strict=True)]
    return {name: g for name, g in zip(task.chosen, grads, strict=True) if g is not None}, loss


def _recorded(task: EngineTask, point: Params, look: Look) -> tuple[Sequence[Tensor | None], Tensor] | None:
    """`_clean_pass`, recorded or made again without Python; None where it is Python's."""
    inputs = Inputs(task.batch, point)
    if (passage := task.passage("the clean gradient", inputs, look.kind)) is None:
        return None

    def body(tensors: Sequence[Tensor]) -> list[Tensor | None]:
        batch, at = inputs.taken(tensors)
        gradient, mean = _clean_pass(task.with_batch(batch), at, look, first=False, reseed=False)
        return [mean, *gradient, *look.numbers]

    with rng.kept(task.devices) if passage.random else contextlib.nullcontext():
        if passage.random:
            reseed_dropout(task.walk)
        loss, *found = passage.run(inputs.tensors, body)
    passage.done()
    assert loss is not None
    grads = found[: len(task.chosen)]
    look.take(found[len(grads) :])
    return grads, loss


def _clean_pass(
    task: EngineTask, point: Params, look: Look, *, first: bool, reseed: bool
) -> tuple[Sequence[Tensor | None], Tensor]:
    """The gradients by the chosen parameters, and the loss; layers below them record no graph."""
    chosen, own, walk = task.chosen, task.parameters, task.walk
    values = {} if task.sharded else {name: point.get(name, p).detach() for name, p in own.items()}
    leaves = [values[name].requires_grad_() for name in chosen if values]
    there = moved(walk, point) if task.sharded else substituted(walk, values)
    with preserve_module_state(walk), there, torch.enable_grad():
        if reseed:
            reseed_dropout(walk)
        with look.at(task.module, task.batch):
            loss = losses_of(task.module, task.per_example_loss, task.batch, task.per).mean()
        if not loss.requires_grad:
            raise BadInput(unreached("clean"))
        if first:  # within the block the substituted values are the parameters; what a loss makes for itself is none
            reached, gathered = leaves_of(loss, task.batch)[0], sharded.originals(walk.sharded)
            others = (p for p in reached if isinstance(p, nn.Parameter) and id(p) not in gathered)
            refuse_others_reached(others, task.module, {} if task.sharded else own)
        grads = task.gradients(loss) if task.sharded else gradients(loss, leaves)
    if all(g is None for g in grads):
        raise BadInput(unreached("clean"))
    return grads, loss.detach()
