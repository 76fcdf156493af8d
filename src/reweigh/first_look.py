"""The first look at a model, its loss and a batch, before anything is computed from them.

Two ordinary passes tell what no later check can see: whether the loss reaches the parameters at all, which parameters it
reaches that were not given, and whether it is a function of model and batch. Once for each module and loss.
"""

import warnings
from collections import deque
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from reweigh import sharded
from reweigh._types import AnyLoss, Batch, LayerChoice, Params
from reweigh.as_found import preserve_module_state
from reweigh.batches import fields_of, tensors_of
from reweigh.errors import BadInput
from reweigh.outside_state import all_copied, plan_of
from reweigh.passes import losses_of
from reweigh.student import Student

_MOST_SEARCHED = 20_000


def first_look(student: Student, batch: Batch, optimizer: Optimizer | None = None) -> None:
    """Look, if this student's loss has not been looked at under its model.

    Raises:
        BadInput: if the loss reaches none of the parameters that take part; or if it reaches, or the optimizer trains,
            parameters that are not the model's.
    """
    module, plan = student.module, plan_of(student.module)
    key = plan.manner(student.walk.parts, student.per_example_loss)
    if key in plan.looked:
        return
    refuse_others_trained(module, optimizer)
    loss = student.loss
    with all_copied(module):
        losses, leaves, hidden = _pass(module, loss, batch, student.per)
    again, leaves_again, _ = _pass(module, loss, batch, student.per)
    chosen = student.chosen
    if not hidden and _identities(leaves).isdisjoint(map(id, chosen.values())):
        raise BadInput(unreached("training", student.layers))
    # What a loss makes for itself is another tensor each time.
    refuse_others_reached([leaf for leaf in leaves if id(leaf) in _identities(leaves_again)], module)
    _compare(losses, again)
    plan.looked.add(key)


def unreached(which: str, layers: LayerChoice = None) -> str:
    """The sentence for a loss that depends on none of the parameters that take part."""
    those = "the parameters" if layers is None else "the parameters that layers= chooses"
    return (
        f"the {which} loss does not depend on {those}: check that per_example_loss calls the model it is given and no "
        "other, and that nothing on the way to the loss stops gradients (torch.no_grad, detach, argmax, a comparison, "
        "a tensor made anew)"
    )


def _pass(module: nn.Module, loss: AnyLoss, batch: Batch, per: str) -> tuple[Tensor, list[Tensor], bool]:
    """The losses, the leaves that they are computed from, and whether some may be hidden."""
    with preserve_module_state(module), torch.enable_grad():
        losses = losses_of(module, loss, batch, per)
        leaves, hidden = leaves_of(losses, batch)
        gathered = sharded.originals(sharded.parts_of(module.modules()))
    return losses.detach().clone(), [gathered.get(id(leaf), leaf) for leaf in leaves], hidden


def leaves_of(losses: Tensor, batch: Batch) -> tuple[list[Tensor], bool]:
    """The leaves that require gradients in the graph of the losses, and whether reentrant checkpointing hides some.

    Left out are the batch's own tensors, and what these were computed from unless it is an `nn.Parameter`.
    """
    given = list(tensors_of(batch))
    inputs, borders = _identities(given), {t.grad_fn for t in given if t.grad_fn is not None}
    leaves: dict[int, Tensor] = {}
    hidden, seen = False, set()
    todo: deque[tuple[Any, bool]] = deque([(losses.grad_fn, False)])
    if losses.grad_fn is None and losses.requires_grad:
        leaves[id(losses)] = losses
    while todo:
        node, before_batch = todo.popleft()
        if node is None or node in seen:
            continue
        seen.add(node)
        before_batch = before_batch or node in borders
        hidden = hidden or node.name().endswith("CheckpointFunctionBackward")
        leaf: Any = getattr(node, "variable", None)
        counts = isinstance(leaf, nn.Parameter) or (isinstance(leaf, Tensor) and not before_batch)
        if counts and id(leaf) not in inputs:
            leaves[id(leaf)] = leaf
        todo += [(following, before_batch) for following, _ in node.next_functions]
    return list(leaves.values()), hidden


def refuse_others_trained(module: nn.Module, optimizer: Optimizer | None) -> None:
    """Refuse an optimizer that trains parameters outside the model."""
    own = _identities(module.parameters())
    groups = [] if optimizer is None else optimizer.param_groups
    trained = (p for group in groups for p in group["params"] if p.requires_grad)
    _refuse_strangers([p for p in trained if id(p) not in own], "the optimizer trains", module)


def refuse_others_reached(leaves: Iterable[Tensor], module: nn.Module, bypassed: Params | None = None) -> None:
    """Refuse a loss whose graph has leaves that are not the module's parameters, as they stand.

    `bypassed` are the parameters where others stand in their places: a loss that reaches one of them has it by itself.
    """
    own, bypassed = _identities(module.parameters()), bypassed or {}
    strangers = [leaf for leaf in leaves if id(leaf) not in own]
    for name, p in bypassed.items():
        if id(p) in _identities(strangers):
            raise BadInput(
                f"the loss uses the parameter {name!r} without asking the model that it is given: take it from that model, "
                "since the same loss is asked at other parameters too"
            )
    _refuse_strangers(strangers, "the loss reaches", module)


def _refuse_strangers(strangers: list[Tensor], how: str, module: nn.Module) -> None:
    if not strangers:
        return
    names = _names_of(strangers, module)
    told = [
        f"{names[id(t)]} {tuple(t.shape)}" if id(t) in names else f"one of shape {tuple(t.shape)}" for t in strangers
    ]
    raise BadInput(
        f"{how} {len(strangers)} parameter{'s' if len(strangers) > 1 else ''} outside the model ({', '.join(told[:3])}"
        f"{', …' if len(told) > 3 else ''}): give the module that has them with the model, as model=[model, criterion] with "
        "a loss that takes this list, or set requires_grad=False on what is not trained"
    )


def _names_of(wanted: Iterable[Tensor], module: nn.Module) -> dict[int, str]:
    """By identity, what the wanted tensors are called where the loss or the model reaches them."""
    open_ = _identities(wanted)
    names: dict[int, str] = {}
    todo: deque[tuple[str, Any]] = deque((place.name, value) for place, _, value in plan_of(module).bound())
    seen: set[int] = set()
    while todo and open_ - names.keys() and len(seen) < _MOST_SEARCHED:
        name, value = todo.popleft()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if id(value) in open_:
            names[id(value)] = name
        if isinstance(value, nn.Module):
            for inner, p in value.named_parameters():
                if id(p) in open_:
                    names.setdefault(id(p), f"{name}.{inner}")
        elif (fields := fields_of(value)) is not None:
            todo += [(f"{name}.{key}" if isinstance(key, str) else f"{name}[{key!r}]", v) for key, v in fields.items()]
    return names


def _compare(losses: Tensor, again: Tensor) -> None:
    """Warn where two passes that began alike gave other losses."""
    if losses.shape == again.shape:
        scale = losses.abs().max()
        off = (losses - again).abs().max() / scale.clamp(min=torch.finfo(losses.dtype).tiny)
        if not bool(torch.isfinite(off)) or float(off) <= torch.finfo(losses.dtype).eps ** 0.5:
            return
        told = f"they differ by {float(off):.1e} of the largest"
    else:
        told = f"there are {len(losses)}, then {len(again)}"
    warnings.warn(
        f"per_example_loss gives other losses for the same model and batch the second time ({told}), so weights cannot be "
        "exact: it depends on something that moves with each pass and cannot be put back, such as a count in its closure, "
        "an iterator or the clock; hold such state in a buffer or attribute of the model, or draw from torch's generators",
        stacklevel=5,
    )


def empty(direction: Params) -> bool:
    """Whether a direction is exactly zero: no entry, or none that is not zero."""
    return not any(sharded.anything(v) for v in direction.values())


def _identities(items: Iterable[Any]) -> set[int]:
    return {id(item) for item in items}
