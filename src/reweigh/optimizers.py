"""What an optimizer's step does, without taking it: the parameters it would lead to, and its derivative.

An update that treats every coordinate on its own, θ' = θ − S(g), has a diagonal Jacobian P = ∂S/∂g. For SGD (momentum,
dampening, Nesterov, weight decay, maximize) P is one number a parameter group; for Adam and AdamW (amsgrad too) it is a
tensor that follows from the optimizer's state. Both are exact here, at any data gradient g; weight decay is part of S.
Carrying the clean gradient v through the step is then the product P·v: as cheap for Adam as for SGD.

Any other optimizer is treated as plain SGD with its learning rate, and said so once.
"""

import inspect
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.optim import SGD, Adam, AdamW, Optimizer

from reweigh._types import Params

_warned: set[type] = set()


@dataclass(frozen=True)
class Step:
    """One parameter's step: how far it moves (θ' = θ − moved), and how that depends on the gradient (P = ∂moved/∂g)."""

    moved: Tensor
    jacobian: Tensor


class _Update(Protocol):
    def __call__(self, p: Tensor, g: Tensor, group: dict[str, Any], state: dict[str, Any]) -> Step: ...


def look_ahead(optimizer: Optimizer, params: Params, gradient: Params | None = None) -> dict[str, Tensor]:
    """The parameters after the step that the optimizer would take with this data gradient (default: zero everywhere).

    With a gradient of zero what is left is momentum, weight decay and the moments. Nothing is changed.
    """
    moved = {name: step.moved for name, step in _steps(optimizer, params, gradient)}
    return {name: p.detach() - moved[name] if name in moved else p.detach() for name, p in params.items()}


def carried(
    direction: Params, optimizer: Optimizer, params: Params, gradient: Params | None = None
) -> dict[str, Tensor]:
    """The direction times the Jacobian of the optimizer's step, P·v; parameters that it does not train are dropped."""
    steps = _steps(optimizer, params, gradient)
    return {name: step.jacobian * direction[name] for name, step in steps if name in direction}


def _steps(optimizer: Optimizer, params: Params, gradient: Params | None) -> Iterator[tuple[str, Step]]:
    update = _update_of(optimizer)
    groups = {id(p): group for group in optimizer.param_groups for p in group["params"]}
    for name, p in params.items():
        if (group := groups.get(id(p))) is not None:
            g = torch.zeros_like(p) if gradient is None else gradient.get(name, torch.zeros_like(p))
            with torch.no_grad():
                yield name, update(p.detach(), g.detach(), group, optimizer.state.get(p, {}))


def _update_of(optimizer: Optimizer) -> _Update:
    step = inspect.unwrap(type(optimizer).step)
    if step is inspect.unwrap(SGD.step):
        return _sgd
    if step in (inspect.unwrap(Adam.step), inspect.unwrap(AdamW.step)):
        return _adam
    if type(optimizer) not in _warned:
        _warned.add(type(optimizer))
        warnings.warn(
            f"reweigh does not know how {type(optimizer).__name__} steps: the clean gradient is carried as if by "
            "plain SGD with its learning rate; SGD, Adam and AdamW are carried exactly",
            stacklevel=4,
        )
    return _plain


def _plain(p: Tensor, g: Tensor, group: dict[str, Any], state: dict[str, Any]) -> Step:
    lr = group.get("lr", 1.0)
    return Step(lr * g, torch.full_like(p, float(lr)))


def _with_decay(p: Tensor, g: Tensor, group: dict[str, Any]) -> tuple[Tensor, float]:
    """The gradient that enters the step, and the sign with which the data gradient enters it."""
    sign = -1.0 if group["maximize"] else 1.0
    return sign * g + group["weight_decay"] * p, sign


def _sgd(p: Tensor, g: Tensor, group: dict[str, Any], state: dict[str, Any]) -> Step:
    lr, mu, nesterov = group["lr"], group["momentum"], group["nesterov"]
    g, slope = _with_decay(p, g, group)
    if mu == 0:
        return Step(lr * g, torch.full_like(p, float(lr) * slope))
    buffer = state.get("momentum_buffer")
    if buffer is None:  # the first step: torch starts the buffer at the gradient itself, undampened
        velocity, share = g, 1.0
    else:
        share = 1.0 - group["dampening"]
        velocity = mu * buffer + share * g
    moved = g + mu * velocity if nesterov else velocity
    share = 1.0 + mu * share if nesterov else share
    return Step(lr * moved, torch.full_like(p, float(lr) * share * slope))


def _adam(p: Tensor, g: Tensor, group: dict[str, Any], state: dict[str, Any]) -> Step:
    lr, eps, (beta1, beta2) = group["lr"], group["eps"], group["betas"]
    decoupled = group.get("decoupled_weight_decay", False)
    decay = group["weight_decay"]
    slope = -1.0 if group["maximize"] else 1.0
    g = slope * g if decoupled else _with_decay(p, g, group)[0]
    t = float(state.get("step", 0)) + 1
    first = beta1 * state.get("exp_avg", torch.zeros_like(p)) + (1 - beta1) * g
    second = beta2 * state.get("exp_avg_sq", torch.zeros_like(p)) + (1 - beta2) * g * g
    rising = torch.ones_like(p)  # whether the denominator follows this gradient
    if group["amsgrad"] and "max_exp_avg_sq" in state:
        rising = (second >= state["max_exp_avg_sq"]).to(p.dtype)
        second = torch.maximum(second, state["max_exp_avg_sq"])
    correction1, root2 = 1 - beta1**t, (1 - beta2**t) ** 0.5
    root = second.sqrt()
    denominator = root / root2 + eps
    alive = root > 0
    bend = torch.where(alive, rising * (1 - beta2) * g / (root * root2), 0.0)  # ∂denominator/∂g
    jacobian = ((1 - beta1) / denominator - first / denominator**2 * bend) * (lr / correction1) * slope
    # A coordinate that never had a gradient would be carried with lr/eps, 1e8 times its neighbours: the slope of a step
    # that saturates at once. It has no say instead. Before the first step every coordinate is such a one and all slopes
    # are alike: plain SGD's.
    jacobian = torch.where(alive, jacobian, 0.0 if state else float(lr) * slope)
    moved = lr * first / correction1 / denominator
    return Step(moved + lr * decay * p if decoupled else moved, jacobian)


def trains(optimizer: Optimizer, params: Params) -> bool:
    """Whether the optimizer trains any of these parameters."""
    known = {id(p) for group in optimizer.param_groups for p in group["params"]}
    return any(id(p) in known for p in params.values())
