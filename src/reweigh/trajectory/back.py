"""Reverse-mode differentiation of the clean loss back through the recorded steps, to the rule's parameters ω.

With θ̄ and s̄ the derivatives of the clean loss by the parameters and by the optimizer's state after a step, one step back is

    ḡ, θ̄, s̄ ← the optimizer's own step, backwards                  (`optimizers.step_back`)
    ω̄ ← ω̄ + Σ_i ⟨∇ℓ_i(θ), ḡ⟩ ∂w_i/∂ω                              the alignments along ḡ: the one primitive again
    θ̄ ← θ̄ + Σ_i w_i ∇²ℓ_i(θ)·ḡ                                      not needed at the earliest step

(Maclaurin et al. 2015 and Franceschi et al. 2017 for the reverse mode; Fan et al. 2021 use it to train the teacher.)
"""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.optim import Optimizer

from reweigh import distributed
from reweigh._types import Params
from reweigh.alignment import Aligns
from reweigh.as_found import moved
from reweigh.optimizers import Adjoint, ReversibleSGD, step_back
from reweigh.rules import LearnedRule
from reweigh.states import checked, watching
from reweigh.student import EngineTask, Student
from reweigh.trajectory.curvature import Curvature, Follow
from reweigh.trajectory.record import Numbers, Part, RecordedStep
from reweigh.trajectory.rewind import rewound
from reweigh.undo import ForAWhile


def back_through(
    window: Sequence[RecordedStep],
    clean_gradient: Params,
    *,
    student: Student,
    rule: LearnedRule,
    engine: Aligns,
    curvature: Curvature,
    optimizer: Optimizer | None = None,
) -> tuple[Numbers, list[Tensor]]:
    """The derivative of the clean loss by ω, by name, and those by the weights of the window's last step, a (B,) each part.

    Args:
        window: the last K steps, the earliest first.
        clean_gradient: of the clean loss, where the last of them led.
        optimizer: for steps recorded without parameters: the `ReversibleSGD` that made them.
    """
    total: Numbers = {}
    latest: list[Tensor] = []
    adjoint = Adjoint(clean_gradient)
    with _places(window, student, optimizer) as places:
        for k, (step, params) in enumerate(zip(reversed(window), places, strict=True)):
            by_gradient, adjoint = step_back(adjoint, step.held, params, step.gradient)
            along = {name: step.factor * g for name, g in by_gradient.items()}
            earliest, products = k == len(window) - 1, []
            with moved(student.walk, dict(params)):
                for part in step.parts:
                    task = student.on(part.evidence.batch)
                    with part.setting.again(task.walk):
                        if earliest:
                            a = engine.alignments(task, along)
                        else:
                            follow = _follow(rule, task, part)
                            with follow as weigh:
                                a, h = curvature.alignments_and_product(task, along, part.weights, engine, weigh)
                            products.append(h)
                    _add(total, _by_omega(rule, part, a))
                    if k == 0:
                        latest.append(a)
            adjoint = Adjoint(_sum(adjoint.params, distributed.averaged(_summed(products))), adjoint.states)
    return distributed.averaged(total), latest


def _places(
    window: Sequence[RecordedStep], student: Student, optimizer: Optimizer | None
) -> contextlib.AbstractContextManager[Iterator[Params]]:
    """The parameters before each step, the last step's first."""
    if all(step.params is not None for step in window):
        return contextlib.nullcontext(step.params for step in reversed(window) if step.params is not None)
    assert isinstance(optimizer, ReversibleSGD)
    return rewound(window, student, optimizer)


def _by_omega(rule: LearnedRule, part: Part, a: Tensor) -> Numbers:
    """Σ a_i ∂w_i/∂ω at the ω that the part was weighed with."""
    leaves = {name: p.detach().requires_grad_() for name, p in part.omega.items()}
    with torch.enable_grad():
        weights = rule.weights(part.evidence, leaves)
        found = torch.autograd.grad(weights, list(leaves.values()), a.to(weights), allow_unused=True)
    return {name: g for name, g in zip(leaves, found, strict=True) if g is not None}


class _follow(ForAWhile):
    """Where the rule follows its inputs into the student: the weights, as a function of what the pass shows."""

    def __init__(self, rule: LearnedRule, task: EngineTask, part: Part) -> None:
        self._rule, self._task, self._part = rule, task, part

    def change(self) -> Follow | None:
        """The places are watched."""
        rule, module, part, task = self._rule, self._task.module, self._part, self._task
        places = rule.places(module) if rule.follow else None
        if places is None:
            return None
        masks, tokens = rule.masks(part.evidence.batch), task.per == "token"
        seen = watching(module, places, follow=True, masks=masks, tokens=tokens).change()

        def weigh(losses: Tensor) -> Tensor:
            visible = checked(seen, places, len(losses), task.tokens)
            return rule.weights(replace(part.evidence, losses=losses, seen=visible), part.omega).to(losses.dtype)

        return weigh


def _summed(products: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    total: dict[str, Tensor] = {}
    for product in products:
        _add(total, product)
    return total


def _add(total: dict[str, Tensor], more: Params) -> None:
    for name, value in more.items():
        total[name] = total[name] + value if name in total else value


def _sum(one: Params, other: Params) -> dict[str, Tensor]:
    total = dict(one)
    _add(total, other)
    return total
