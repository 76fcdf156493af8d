"""SGD with momentum whose steps can be taken back exactly, bit for bit (Maclaurin, Duvenaud and Adams, ICML 2015).

Floating-point training forgets: μ·b throws bits away at each step, and stepping back by (b − g)/μ multiplies the error by
1/μ. Here parameters and velocities are integers (fixed-point numbers), and the bits that a multiplication by μ = n/d throws
away go into a third integer a coordinate, the *remainder*, from which the way back takes them (algorithm 3 of the paper):

    forward   r ← r·d + (b mod d)     b ← (b div d)·n + (r mod n)     r ← r div n
    back      r ← r·n + (b mod n)     b ← (b div n)·d + (r mod d)     r ← r div d

The remainder grows by log₂(1/μ) bits a step (0.15 for μ = 0.9), so some 350 steps fit into 64 bits; full ones are put on a
pile. A hundred steps therefore cost three integers a coordinate, where snapshots cost a hundred parameters.
"""

import fractions
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from reweigh.errors import BadInput

SCALE = 2.0**36
"""Fixed-point numbers are multiples of 2⁻³⁶, about 1.5e-11; they reach to 6.7e7."""
_FULL = _FULL_REMAINDER = 2**62


class ReversibleSGD(Optimizer):
    """`torch.optim.SGD(params, lr, momentum, weight_decay=...)` up to rounding, with a `step_back`.

    Args:
        params: parameters or groups.
        lr: learning rate; may change from step to step.
        momentum: μ, above 0 and below 1; rounded to a fraction with a denominator of at most 100.
        weight_decay: λ adds λθ to the gradient.

    Raises:
        BadInput: for other settings; at a step, for gradients too large for fixed-point numbers.
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-2, momentum: float = 0.9, weight_decay: float = 0.0
    ) -> None:
        if not 0 < momentum < 1:
            raise BadInput(f"ReversibleSGD's momentum is {momentum}: give a number above 0 and below 1")
        defaults = {
            "lr": lr, "momentum": momentum, "weight_decay": weight_decay,
            "dampening": 0.0, "nesterov": False, "maximize": False,
        }  # fmt: skip
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """b ← μb + g + λθ;  θ ← θ − ηb."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group, p in self._trained():
            if p.grad is None:
                continue
            state = self.state[p]
            if not state:
                velocity, theta = torch.zeros_like(p, dtype=torch.int64), _fixed(p)
                state.update(velocity=velocity, theta=theta, remainder=torch.zeros_like(velocity), pile=[], taken=0)
                state["momentum_buffer"] = True
            _decay(state, *_ratio(group))
            state["velocity"] += _fixed(p.grad + group["weight_decay"] * p)
            state["theta"] -= _times(state["velocity"], group["lr"])
            state["taken"] += 1
            p.copy_(state["theta"].double() / SCALE)
        return loss

    @torch.no_grad()
    def parameters_back(self, lrs: dict[Tensor, float]) -> None:
        """Undo the last step's move of the parameters, θ ← θ + ηb, with the learning rate that it had."""
        for p, lr in lrs.items():
            state = self.state[p]
            state["theta"] += _times(state["velocity"], lr)
            p.copy_(state["theta"].double() / SCALE)

    @torch.no_grad()
    def velocities_back(self, gradients: dict[Tensor, Tensor]) -> None:
        """Undo the rest of it, b ← (b − g − λθ)/μ, with the gradients that it had, where `parameters_back` led."""
        for group, p in self._trained():
            if p in gradients:
                state = self.state[p]
                state["velocity"] -= _fixed(gradients[p] + group["weight_decay"] * p)
                _undecay(state, *_ratio(group))
                state["taken"] -= 1

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """As every optimizer's, but that integers stay integers (torch casts all state to the parameters' type)."""
        super().load_state_dict(state_dict)
        order = [key for group in state_dict["param_groups"] for key in group["params"]]
        for (_, p), key in zip(self._trained(), order, strict=True):
            for name, value in state_dict["state"].get(key, {}).items():
                tensors = value if isinstance(value, list) else [value]
                moved = [t.to(p.device, copy=True) if isinstance(t, Tensor) else t for t in tensors]
                self.state[p][name] = moved if isinstance(value, list) else moved[0]

    def _trained(self) -> Iterable[tuple[dict[str, Any], Tensor]]:
        return [(group, p) for group in self.param_groups for p in group["params"]]


def _ratio(group: dict[str, Any]) -> tuple[int, int]:
    mu = fractions.Fraction(group["momentum"]).limit_denominator(100)
    return mu.numerator, mu.denominator


def _fixed(values: Tensor) -> Tensor:
    scaled = values.double() * SCALE
    if bool((scaled.abs() >= _FULL).any()) or not bool(torch.isfinite(scaled).all()):
        raise BadInput(f"ReversibleSGD met a number above {_FULL / SCALE:.0e} or not finite: lower the learning rate")
    return scaled.round().long()


def _times(values: Tensor, factor: float) -> Tensor:
    return (values.double() * float(factor)).round().long()


def _decay(state: dict[str, Any], n: int, d: int) -> None:
    """b ← b·n/d, keeping in the remainder what is thrown away."""
    if bool((state["remainder"] >= _FULL_REMAINDER // d).any()):
        state["pile"].append(state["remainder"].clone())
        state["remainder"].zero_()
        state["pile_at"] = [*state.get("pile_at", []), state["taken"]]
    b, r = state["velocity"], state["remainder"]
    r.mul_(d).add_(torch.remainder(b, d))
    b.copy_(torch.div(b, d, rounding_mode="floor")).mul_(n).add_(torch.remainder(r, n))
    r.copy_(torch.div(r, n, rounding_mode="floor"))


def _undecay(state: dict[str, Any], n: int, d: int) -> None:
    b, r = state["velocity"], state["remainder"]
    r.mul_(n).add_(torch.remainder(b, n))
    b.copy_(torch.div(b, n, rounding_mode="floor")).mul_(d).add_(torch.remainder(r, d))
    r.copy_(torch.div(r, d, rounding_mode="floor"))
    if state.get("pile_at") and state["pile_at"][-1] == state["taken"] - 1:
        state["remainder"].copy_(state["pile"].pop())
        state["pile_at"] = state["pile_at"][:-1]
