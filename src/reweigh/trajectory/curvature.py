"""Alignments and a Hessian-vector product from the same passes, for one batch along one direction v.

    a_i = ⟨∇ℓ_i(θ), v⟩      h = Σ w_i ∇²ℓ_i(θ)·v  (+ Σ a_i ∇w_i(θ), where the weights are followed into the student)

Exact: ⟨∇Σ w_i ℓ_i, v⟩ is a number whose derivative by w_i is a_i and by θ is h, so one double backward pass gives both.
For models that cannot be differentiated twice, and where the exact way disagrees with the alignment engine, both are central
differences: a_i of the losses, h of the weighted gradient, at θ ± h·v.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from reweigh import rng, sharded
from reweigh._torch import settle_shards
from reweigh._types import Params
from reweigh.alignment import Aligns, Double, EngineTask
from reweigh.alignment.double import refuse_differentiable_once
from reweigh.alignment.double_backward import graph_only
from reweigh.alignment.finite import step_length
from reweigh.alignment.manner import Manner
from reweigh.alignment.refusal import refusing
from reweigh.alignment.unfused import Unfused
from reweigh.as_found import moved, standing_in, substituted
from reweigh.errors import EngineRefused
from reweigh.undo import ForAWhile

Weigh = Callable[[Tensor], Tensor]
"""Losses (B,) with a graph to weights (B,) with a graph to the rule's parameters."""
_AGREE = 2e-2
_SAME = {torch.float64: 1e-3, torch.float32: 5e-2}
"""How far the exact product may be from a central difference; half precision cannot tell less than `_COARSE`."""
_COARSE = 0.3
_NOISE = 4


class Curvature:
    """Decides between the exact way and central differences, at the batches 1, 2, 4, ... and when the manner changes.

    A function that keeps its input outside the graph (a kernel written by hand) has right gradients, right alignments, and
    wrong second derivatives. So the product itself is held against a central difference.
    """

    def __init__(self) -> None:
        self.exact: bool | None = None
        self.reason = "not needed so far"
        self._count = 0
        self._manner: Manner | None = None

    def alignments_and_product(
        self, task: EngineTask, v: Params, weights: Tensor, engine: Aligns, follow: "Follow | None" = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """a (B,), and h by parameter name; the caller has put the pass's setting in place."""
        if self._manner is None or not self._manner.fits(task.per_example_loss, Manner.facts_of(task)):
            self._manner, self._count = Manner(task), 0
        self._count += 1
        if self.exact is None or self._count & (self._count - 1) == 0:
            return self._decide(task, v, weights, engine, follow)
        return _twice(task, v, weights, follow) if self.exact else _by_difference(task, v, weights)

    def _decide(
        self, task: EngineTask, v: Params, weights: Tensor, engine: Aligns, follow: "Follow | None"
    ) -> tuple[Tensor, dict[str, Tensor]]:
        generators = rng.states(task.devices)
        try:
            found = _twice(task, v, weights, follow)
            rng.set_states(generators)
            alone = found[1] if follow is None else _twice(task, v, weights, None)[1]
            rng.set_states(generators)
            off = _off(found[0], engine.alignments(task, v))
            if task.anywhere(off > _AGREE):
                raise EngineRefused(f"its alignments are off by {off:.1e}")
            rng.set_states(generators)
            _hold(alone, task, v, weights, generators)
            self.exact, self.reason = True, "Hessian-vector products by a double backward pass, exact"
            return found
        except EngineRefused as refused:
            if follow is not None:
                raise EngineRefused(
                    f"follow=True needs a model that can be differentiated twice ({refused}): use follow=False"
                ) from refused
            self.exact = False
            self.reason = (
                f"Hessian-vector products by central differences, not exact: a double backward pass fails ({refused})"
            )
            rng.set_states(generators)
            return _by_difference(task, v, weights)

    def __getstate__(self) -> dict[str, Any]:
        """A copy belongs to another model: it decides anew, from what was decided here."""
        return {**vars(self), "_manner": None}

    def state_dict(self) -> dict[str, Any]:
        """What was decided."""
        return {"exact": self.exact, "reason": self.reason}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up an earlier decision."""
        self.exact, self.reason = state["exact"], state["reason"]


Follow = Callable[[Tensor], Tensor]
"""The losses of a pass that was watched, (B,), to the weights, (B,), with a graph to the student's parameters."""


def _hold(product: Params, task: EngineTask, v: Params, weights: Tensor, generators: dict[str, Tensor]) -> None:
    """Raises `EngineRefused` where the product is further from a central difference than differences are from each other."""
    nearby = _by_difference(task, v, weights)[1]
    off = _off_all(product, nearby)
    least = max((_SAME.get(p.dtype, _COARSE) for p in nearby.values()), default=0.0)
    if off <= least:
        return
    rng.set_states(generators)
    noise = _NOISE * _off_all(_by_difference(task, v, weights, 2.0)[1], nearby)
    if off > max(least, noise):
        raise EngineRefused(f"its second derivatives are off by {off:.1e} beside a central difference")


def _off_all(one: Params, other: Params) -> float:
    size = sharded.size(list(other.values()))
    apart = sharded.size([g if (o := one.get(name)) is None else g - o for name, g in other.items()])
    return apart / size if size else apart


def _off(one: Tensor, other: Tensor) -> float:
    return float((one - other).norm() / other.norm().clamp(min=1e-30))


def _twice(task: EngineTask, v: Params, weights: Tensor, follow: Follow | None) -> tuple[Tensor, dict[str, Tensor]]:
    tangents, at = task.tangents(v), _Leaves(task)
    with refusing(_Twice(), task, v), torch.enable_grad(), Unfused(), at:
        losses = task.losses()
        leaves = at.leaves()
        params = list(leaves.values())
        w = weights.detach().to(losses).requires_grad_()
        places = [leaves[name] for name in tangents]
        with graph_only():
            first = torch.autograd.grad(losses, places, w, create_graph=True, allow_unused=True)
        refuse_differentiable_once([g for g in first if g is not None and g.requires_grad])
        along = (sharded.whole(t, p.dtype) for t, p in zip(tangents.values(), places, strict=True))
        terms = [(g * t).sum() for g, t in zip(first, along, strict=True) if g is not None]
        if not terms:
            return torch.zeros_like(losses.detach()), {}
        total = torch.stack(terms).sum()
        keep = follow is not None
        by_weight, *seconds = torch.autograd.grad(total, [w, *params], allow_unused=True, retain_graph=keep)
        a = torch.zeros_like(w) if by_weight is None else by_weight.detach()
        products: list[Tensor | None] = list(seconds)
        if follow is not None:
            through = torch.autograd.grad(follow(losses), params, a, allow_unused=True)
            products = [_plus(one, other) for one, other in zip(products, through, strict=True)]
    found = {name: h.detach() for name, h in zip(task.chosen, products, strict=True) if h is not None}
    return a, {name: sharded.mean_spread_as(h, task.chosen[name]) for name, h in found.items()}


class _Twice(Double):
    """A backward pass differentiated: where parameters are spread over ranks each holds all of them meanwhile."""

    spread = True


class _Leaves(ForAWhile):
    """Within the block the parameters are tensors that gradients can be taken by twice."""

    def __init__(self, task: EngineTask) -> None:
        self._task = task
        self._whole: dict[str, Tensor] = {}

    def change(self) -> None:
        """Those that are spread over ranks are copied when they are first gathered, and stay."""
        if self._task.sharded:
            sharded.left_alone(self._task.walk.sharded).change()
            standing_in(self._task.walk, self._leaf).change()

    def _leaf(self, name: str, p: Tensor) -> Tensor:
        if name not in self._whole:
            self._whole[name] = p.detach().clone().requires_grad_(p.requires_grad)
        return self._whole[name]

    def leaves(self) -> dict[str, Tensor]:
        """The chosen ones, when the model was passed; all stay in their places, for what is passed again on the way back."""
        if self._task.sharded:
            settle_shards(self._task.walk.sharded)
            substituted(self._task.walk, self._whole).change()
        return {name: self._whole.get(name, p) for name, p in self._task.chosen.items()}


def _plus(one: Tensor | None, other: Tensor | None) -> Tensor | None:
    return other if one is None else one if other is None else one + other


def _by_difference(
    task: EngineTask, v: Params, weights: Tensor, longer: float = 1.0
) -> tuple[Tensor, dict[str, Tensor]]:
    """The parameters are given other storage for a while."""
    tangents = task.tangents(v)
    h, generators = longer * step_length(tangents), rng.states(task.devices)
    if h == 0:
        return torch.zeros_like(weights), {}

    def at(signed: float) -> tuple[Tensor, dict[str, Tensor]]:
        there = {name: task.chosen[name].data + signed * t for name, t in tangents.items()}
        rng.set_states(generators)
        with moved(task.walk, there), torch.enable_grad():
            losses = task.losses()
            grads = task.gradients(losses, weights.to(losses))
        return losses.detach(), {n: g.detach() for n, g in zip(task.chosen, grads, strict=True) if g is not None}

    (ahead, up), (behind, down) = at(h), at(-h)
    return (ahead - behind) / (2 * h), {name: (up[name] - down[name]) / (2 * h) for name in up}
