"""Adam and AdamW, amsgrad too.

    m' = β₁m + (1 − β₁)g̃      n' = β₂n + (1 − β₂)g̃²      θ' = θ − η·m'/(1 − β₁ᵗ) / (√(n'/(1 − β₂ᵗ)) + ε)

with g̃ = ±g + λθ, or ±g and λ taken off θ directly where the decay is decoupled; amsgrad has the highest n' so far in the
denominator.

A coordinate that never had a gradient has n' = 0, and a slope of η/ε there, 1e8 times its neighbours': that of a step which
saturates at once. It has no say instead. Before the first step every coordinate is such a one, and without a gradient all
slopes are alike: plain SGD's.
"""

from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from reweigh.optimizers.update import Bar, Group, State, Update, entry, with_decay

MEAN, SQUARE, HIGHEST = "exp_avg", "exp_avg_sq", "max_exp_avg_sq"


class _Inside(NamedTuple):
    """What the step computes on the way."""

    g: Tensor
    slope: float
    mean: Tensor
    square: Tensor
    rising: Tensor | None  # amsgrad: whether the denominator follows this square
    root: Tensor
    denominator: Tensor
    rate: float
    root2: float


class AdamUpdate(Update):
    """`torch.optim.Adam`, and `AdamW` as far as the groups say that the decay is decoupled."""

    state_needed: ClassVar[tuple[str, ...]] = ("step", MEAN, SQUARE, HIGHEST)
    gradient_needed: ClassVar[bool] = True
    decoupled: ClassVar[bool] = False
    """Whether the decay is taken off θ directly, where the optimizer's groups do not say."""

    def moved(self, p: Tensor, g: Tensor, group: Group, state: State) -> Tensor:
        """The step itself, and the decay where it is decoupled."""
        decoupled = self._is_decoupled(group)
        x = _inside(p, g, group, state, decoupled)
        moved = x.rate * x.mean / x.denominator
        return moved + group["lr"] * group["weight_decay"] * p if decoupled else moved

    def back(
        self, p: Tensor, g: Tensor, group: Group, state: State, after: Bar, *, cold: bool = False
    ) -> tuple[Tensor, Bar]:
        """Through the quotient, the root, and both moments."""
        decoupled, (beta1, beta2) = self._is_decoupled(group), group["betas"]
        x = _inside(p, g, group, state, decoupled)
        alive = x.root > 0
        moved = -x.rate * after.p / x.denominator
        mean = entry(after.state, MEAN, p) + moved
        through_root = torch.where(alive, -moved * x.mean / x.denominator / (2 * x.root * x.root2), 0.0)
        square, before = entry(after.state, SQUARE, p), {}
        if x.rising is None:
            square = square + through_root
        else:
            highest = entry(after.state, HIGHEST, p) + through_root
            square, before = square + x.rising * highest, {HIGHEST: (1 - x.rising) * highest}
        entered = (1 - beta1) * mean + 2 * (1 - beta2) * x.g * square
        entered = torch.where(alive, entered, -float(group["lr"]) * after.p if cold else 0.0)
        before |= {MEAN: torch.where(alive, beta1 * mean, 0.0), SQUARE: torch.where(alive, beta2 * square, 0.0)}
        decay = group["weight_decay"]
        straight = after.p * (1 - group["lr"] * decay) if decoupled else after.p + decay * entered
        return x.slope * entered, Bar(straight, before if state else {})

    def _is_decoupled(self, group: Group) -> bool:
        return bool(group.get("decoupled_weight_decay", self.decoupled))


class AdamWUpdate(AdamUpdate):
    """`torch.optim.AdamW`, which before PyTorch 2.7 is a class of its own."""

    decoupled: ClassVar[bool] = True


def _inside(p: Tensor, g: Tensor, group: Group, state: State, decoupled: bool) -> _Inside:
    (beta1, beta2), slope = group["betas"], -1.0 if group["maximize"] else 1.0
    g = slope * g if decoupled else with_decay(p, g, group)
    t = float(state.get("step", 0)) + 1
    mean = beta1 * entry(state, MEAN, p) + (1 - beta1) * g
    square = beta2 * entry(state, SQUARE, p) + (1 - beta2) * g * g
    rising, under = None, square
    if group["amsgrad"]:
        highest = entry(state, HIGHEST, p)
        rising, under = (square >= highest).to(p.dtype), torch.maximum(square, highest)
    root, root2 = under.sqrt(), (1 - beta2**t) ** 0.5
    denominator = root / root2 + group["eps"]
    return _Inside(g, slope, mean, square, rising, root, denominator, group["lr"] / (1 - beta1**t), root2)
