"""A direction as an Adam of the user's would apply it, from the state that its training saved.

`optimizer.pt` of the Trainer, or `torch.save(optimizer.state_dict(), file)`. Such a state calls parameters by
numbers: they are those of the model in its order, or, in two groups, in the Trainer's: first those that weight decay
is for, then the others.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from reweigh import optimizers
from reweigh.errors import BadInput, require
from reweigh.storage import home


def as_adam_applies(direction: Mapping[str, Tensor], network: nn.Module, file: Path | str) -> dict[str, Tensor]:
    """The direction times the Jacobian of the optimizer's step, P·v, at a learning rate of one.

    Zero where the optimizer has no history (docs/decisions/0003); parameters that it has never moved are left out.

    Raises:
        BadInput: if the file holds no state of Adam for these parameters.
    """
    place = home(file)
    state = _read(place)
    trained = {name: p for name, p in network.named_parameters() if p.requires_grad}
    groups = _names(state["param_groups"], network, list(trained), place)
    _check(state, groups, trained, place)
    optimizer = torch.optim.AdamW([{"params": [trained[name] for name in names]} for names in groups])
    known = {name for group in optimizer.param_groups for name in group}
    told = [{name: value for name, value in group.items() if name in known} for group in state["param_groups"]]
    optimizer.load_state_dict({"state": state["state"], "param_groups": told})
    largest = max(_rate(group) for group in state["param_groups"]) or 1.0
    for group, saved in zip(optimizer.param_groups, state["param_groups"], strict=True):
        group["lr"] = _rate(saved) / largest or 1.0  # a schedule may have ended at zero
    moved = {name: v for name, v in direction.items() if optimizer.state.get(trained[name])}
    return optimizers.precondition(moved, optimizer, trained)


def _read(place: Path) -> dict[str, Any]:
    remedy = "give optimizer.pt of the Trainer, or what `torch.save(optimizer.state_dict(), file)` wrote"
    try:
        state: Any = torch.load(place, map_location="cpu", weights_only=True)
    except Exception as refused:  # a pickle may be broken in any way
        raise BadInput(f"{place} cannot be read as an optimizer's state: {remedy}") from refused
    groups = state.get("param_groups") if isinstance(state, dict) else None
    if not groups or not isinstance(state.get("state"), dict):
        raise BadInput(f"{place} holds no optimizer's state: {remedy}")
    if not any("exp_avg_sq" in one for one in state["state"].values()):
        raise BadInput(f"{place} is of an optimizer without second moments, and not of Adam: leave --precondition out")
    return dict(state)


def _names(groups: Sequence[Mapping[str, Any]], network: nn.Module, trained: list[str], place: Path) -> list[list[str]]:
    """The parameters' names group by group, in the order in which the state numbers them."""
    named = [list(group.get("param_names", ())) for group in groups]
    if all(named):
        return named
    if len(groups) == 2:
        trainer = require("transformers", "transformers").Trainer
        decayed = set(trainer.get_decay_parameter_names(None, network))  # which asks nothing of itself
        return [[name for name in trained if (name in decayed) == whether] for whether in (True, False)]
    if len(groups) == 1:
        return [trained]
    raise BadInput(f"{place} has {len(groups)} groups of parameters without names: save it with named parameters")


def _check(state: Mapping[str, Any], groups: list[list[str]], trained: Mapping[str, Tensor], place: Path) -> None:
    numbers = [group["params"] for group in state["param_groups"]]
    fits = [len(names) == len(group) for names, group in zip(groups, numbers, strict=True)]
    remedy = "give the state that was saved with this model (and adapter)"
    if not all(fits) or not {name for names in groups for name in names} <= trained.keys():
        raise BadInput(
            f"{place} is of {sum(map(len, numbers))} parameters and the model trains {len(trained)}: {remedy}"
        )
    for names, group in zip(groups, numbers, strict=True):
        for name, number in zip(names, group, strict=True):
            moments = state["state"].get(number, {}).get("exp_avg_sq")
            if moments is not None and moments.shape != trained[name].shape:
                shapes = f"{tuple(moments.shape)} for {name}, which has {tuple(trained[name].shape)}"
                raise BadInput(f"{place} has moments of shape {shapes}: {remedy}")


def _rate(group: Mapping[str, Any]) -> float:
    return float(group.get("initial_lr", group.get("lr", 0.0)))
