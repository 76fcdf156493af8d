"""The steps of a whole optimizer: where one would lead, and how derivatives go back through one.

Nothing is changed by any of these. SGD (momentum, dampening, Nesterov, weight decay, maximize), Adam and AdamW (amsgrad too)
are exact at any gradient; any other optimizer is treated as plain SGD with its learning rate, and said so once.
"""

import dataclasses
import inspect
import warnings
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.optim import SGD, Adam, AdamW, Optimizer

from reweigh._types import Params
from reweigh.optimizers.adam import AdamUpdate, AdamWUpdate
from reweigh.optimizers.reversible import ReversibleSGD
from reweigh.optimizers.sgd import BUFFER, Sgd
from reweigh.optimizers.update import Bar, Group, Plain, State, Update
from reweigh.sharded import anything, like, local

_warned: set[type] = set()
_UPDATES: tuple[tuple[type[Optimizer], Update], ...] = (
    (SGD, Sgd()),
    (AdamW, AdamWUpdate()),  # before Adam, whose kind it is from PyTorch 2.7 on
    (Adam, AdamUpdate()),
    (ReversibleSGD, Sgd()),
)


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """What an optimizer held before a step, as far as going back through that step needs it."""

    update: Update
    groups: dict[str, Group]
    states: dict[str, State]

    @classmethod
    def of(cls, optimizer: Optimizer, params: Params, *, copied: bool = True) -> "Snapshot":
        """Of the parameters that the optimizer trains; `copied`: safe from the step that follows."""
        update = update_of(optimizer)
        groups = {id(p): group for group in optimizer.param_groups for p in group["params"]}
        found = {name: groups[id(p)] for name, p in params.items() if id(p) in groups}
        states: dict[str, State] = {name: optimizer.state.get(params[name], {}) for name in found}
        if copied:
            found = {name: _settings(group) for name, group in found.items()}
            states = {name: _copied(state, update) for name, state in states.items()}
        return cls(update, found, states)

    def plain(self) -> "Snapshot":
        """The same learning rates in plain SGD, whatever the optimizer."""
        return dataclasses.replace(self, update=Plain())

    def state_dict(self) -> dict[str, Any]:
        """Plain containers of tensors and numbers."""
        return {"groups": dict(self.groups), "states": dict(self.states)}

    def restored(self, state: dict[str, Any]) -> "Snapshot":
        """Another snapshot of the same optimizer, from its `state_dict`."""
        return dataclasses.replace(self, groups=state["groups"], states=state["states"])


def _settings(group: Group) -> Group:
    known = {key: value for key, value in group.items() if key != "params"}
    return {key: value.clone() if isinstance(value, Tensor) else value for key, value in known.items()}


def _copied(state: State, update: Update) -> State:
    kept = {key: torch.as_tensor(state[key]).clone() for key in update.state_needed if key in state}
    if state.get(BUFFER) is not None:
        kept[BUFFER] = torch.ones(())  # that there was one is all that matters
    return kept


@dataclasses.dataclass(frozen=True)
class Adjoint:
    """The derivatives of a number by the parameters and by what the optimizer holds for each; a missing name means zero.

    Of parameters that are spread over ranks `states` has this rank's parts.
    """

    params: Params
    states: dict[str, dict[str, Tensor]] = dataclasses.field(default_factory=dict)


def look_ahead(optimizer: Optimizer, params: Params, gradient: Params | None = None) -> dict[str, Tensor]:
    """The parameters after the step that the optimizer would take with this data gradient (default: zero everywhere).

    With a gradient of zero what is left is momentum, weight decay and the moments.
    """
    return step_ahead(Snapshot.of(optimizer, params, copied=False), params, gradient)


def step_ahead(held: Snapshot, params: Params, gradient: Params | None = None) -> dict[str, Tensor]:
    """As `look_ahead`, by what an optimizer held at some time."""
    there = {name: p.detach() for name, p in params.items()}
    with torch.no_grad():
        for name, p, g in _each(held, params, gradient):
            moved = held.update.moved(p, g, held.groups[name], _parts(held.states[name]))
            there[name] = like(p - moved, params[name])
    return there


def precondition(
    direction: Params, optimizer: Optimizer, params: Params, gradient: Params | None = None
) -> dict[str, Tensor]:
    """The direction times the Jacobian of the optimizer's step, P·v with P = −∂θ'/∂g.

    Parameters that the optimizer does not train are dropped.
    """
    by_gradient, _ = step_back(
        Adjoint(direction), Snapshot.of(optimizer, params, copied=False), params, gradient, params_too=False
    )
    return {name: -g for name, g in by_gradient.items() if name in direction}


def step_back(
    after: Adjoint, held: Snapshot, params: Params, gradient: Params | None = None, *, params_too: bool = True
) -> tuple[dict[str, Tensor], Adjoint]:
    """From the adjoint after a step to the derivative by its data gradient, and the adjoint before it.

    The latter lacks what goes through the data gradient, which depends on the parameters too: the caller's Hessian-vector
    product. Parameters that the optimizer does not train keep their adjoint.
    """
    by_gradient: dict[str, Tensor] = {}
    before, states = dict(after.params) if params_too else {}, {}
    with torch.no_grad():
        for name, p, g in _each(held, params, gradient):
            own, state = _parts(held.states[name]), after.states.get(name, {})
            if name in after.params or state:
                bar = Bar(local(after.params[name]) if name in after.params else torch.zeros_like(p), state)
                cold = not own and not (gradient and name in gradient and anything(gradient[name]))
                by, found = held.update.back(p, g, held.groups[name], own, bar, cold=cold)
                by_gradient[name], before[name] = like(by, params[name]), like(found.p, params[name])
                states[name] = found.state
    return by_gradient, Adjoint(before, states)


def _each(held: Snapshot, params: Params, gradient: Params | None) -> Iterator[tuple[str, Tensor, Tensor]]:
    """Of what is spread over ranks, this rank's parts: an optimizer treats each coordinate on its own."""
    for name in held.groups:
        p = local(params[name])
        g = None if gradient is None else gradient.get(name)
        yield name, p, torch.zeros_like(p) if g is None else local(g)


def _parts(state: State) -> State:
    return {key: local(value) if isinstance(value, Tensor) else value for key, value in state.items()}


def update_of(optimizer: Optimizer) -> Update:
    """How this optimizer steps; warns once for each kind that is not known."""
    step = inspect.unwrap(type(optimizer).step)
    for kind, update in _UPDATES:
        if step is inspect.unwrap(kind.step):
            return update
    if type(optimizer) not in _warned:
        _warned.add(type(optimizer))
        warnings.warn(
            f"reweigh does not know how {type(optimizer).__name__} steps: the clean gradient is carried as if by "
            "plain SGD with its learning rate; SGD, Adam and AdamW are carried exactly",
            stacklevel=4,
        )
    return Plain()


def trains(optimizer: Optimizer, params: Params) -> bool:
    """Whether the optimizer trains any of these parameters."""
    known = {id(p) for group in optimizer.param_groups for p in group["params"]}
    return any(id(p) in known for p in params.values())
