"""The learner: records what the student does, and teaches the rule by it."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from reweigh import distributed, optimizers
from reweigh._types import Batch, LayerChoice, PerExampleLoss
from reweigh.alignment import Engine, Task
from reweigh.direction import direction_and_loss
from reweigh.errors import BadInput, NonFinite
from reweigh.learning.settings import Learning
from reweigh.optimizers import Adjoint, ReversibleSGD, Snapshot
from reweigh.rules import Evidence, LearnedRule
from reweigh.states import watching
from reweigh.step import Clean
from reweigh.student import gradients, unwrap
from reweigh.trajectory import Curvature, Part, RecordedStep, Setting, back_through, checksum

_DECAY = 0.95


@dataclass(frozen=True)
class Student:
    """What the learner must know of the student and of the clean side."""

    model: nn.Module
    per_example_loss: PerExampleLoss
    clean_loss: PerExampleLoss
    optimizer: Optimizer | None
    engine: Engine
    layers: LayerChoice
    next_clean: Callable[[], Batch]
    clean_labels: Callable[[Batch], Tensor]


class Learned(NamedTuple):
    """What a step of learning was like: the clean side, and the alignments (B,) of the student's last batch where known."""

    clean: Clean
    alignments: Tensor | None = None


class Learner:
    """The Reweigher's other half for rules that learn."""

    def __init__(self, rule: LearnedRule, learning: Learning, student: Student) -> None:
        if student.optimizer is None:
            raise BadInput(f"the {rule.name} rule learns from the student's steps: pass optimizer=, the student's own")
        if learning.memory == "reverse" and not isinstance(student.optimizer, ReversibleSGD):
            raise BadInput(
                f"memory='reverse' steps back exactly, which {type(student.optimizer).__name__} cannot: train the student "
                "with reweigh.optimizers.ReversibleSGD, or use memory='snapshots'"
            )
        self.rule, self.learning, self.curvature = rule, learning, Curvature()
        self._at, self._optimizer = student, student.optimizer
        self._module = unwrap(student.model)
        self._teaching: Optimizer | None = None
        self._window: list[RecordedStep] = []
        self._open: RecordedStep | None = None
        self._omega: dict[str, Tensor] | None = None
        self._norm = 0.0
        self._steps = 0
        self.clean_loss = float("nan")

    @property
    def virtual(self) -> bool:
        """Whether the rule learns before each step, from a virtual one."""
        return self.learning.look_ahead != "real" and not self.rule.frozen

    @property
    def records(self) -> bool:
        """Whether the student's steps are recorded."""
        return not self.virtual and not self.rule.frozen

    def record(self, evidence: Evidence, weights: Tensor, setting: Setting) -> None:
        """Keep a weighed batch until the step is taken; before the first of a step, the parameters as they are."""
        if self._open is None:
            self._norm, params = 0.0, dict(self._module.named_parameters())
            # Before its first step ReversibleSGD has not yet rounded the parameters to what it can come back to.
            kept = self.learning.memory == "snapshots" or not self._optimizer.state
            values = {name: p.detach().clone() for name, p in params.items()} if kept else None
            self._open = RecordedStep(
                values, Snapshot.of(self._optimizer, params), checksum=0 if kept else checksum(params)
            )
        self._open.parts.append(Part(evidence, self._rule_parameters(), weights, setting))

    def graded(self) -> None:
        """The batch's gradient has been added to `.grad`: remember its size, to see whether it is clipped."""
        if self._open is not None:
            self._norm = self._gradient_norm()

    def learn_virtually(self, evidence: Evidence, losses: Tensor, task: Task) -> Learned:
        """One step of the rule from a virtual step of the student (Shu et al. 2019, equations 3 to 5)."""
        params = dict(task.module.named_parameters())
        weights = self.rule.weights(evidence)
        omega = self._named()
        found = gradients(losses, list(task.chosen.values()), weights.detach(), keep_graph=True)
        g = distributed.averaged({name: d for name, d in zip(task.chosen, found, strict=True) if d is not None})
        held = Snapshot.of(self._optimizer, params, copied=False)
        held = held.plain() if self.learning.look_ahead == "virtual-sgd" else held
        v, loss = self._clean_pass(optimizers.step_ahead(held, params, g))
        along, _ = optimizers.step_back(Adjoint(v), held, params, g, params_too=False)
        a = self._at.engine.alignments(task, along)
        by_omega = torch.autograd.grad(weights, list(omega.values()), a.to(weights), allow_unused=True)
        found_too = {name: d for name, d in zip(omega, by_omega, strict=True) if d is not None}
        self._learn(distributed.averaged(found_too))
        return Learned(Clean(v, loss), -a)

    def after_step(self) -> Learned | None:
        """The student has made its step: every so often, learn from the last K."""
        if self.rule.frozen:
            return Learned(Clean(*self._clean_pass(None)))
        step, self._open = self._open, None
        if step is None:
            return None
        self._close(step)
        self._window = [*self._window, step][-self.learning.horizon :]
        self._steps += 1
        if self._steps % (self.learning.every or self.learning.horizon):
            return None
        v, loss = self._clean_pass(None)
        by_omega, latest = back_through(
            self._window,
            v,
            model=self._at.model,
            per_example_loss=self._at.per_example_loss,
            rule=self.rule,
            engine=self._at.engine,
            curvature=self.curvature,
            layers=self._at.layers,
            optimizer=self._optimizer,
        )
        self._learn(by_omega)
        return Learned(Clean(v, loss), -latest[-1])

    def explain(self) -> str:
        """How Hessian-vector products are computed, where the horizon asks for them."""
        return self.curvature.reason if self.learning.horizon > 1 else ""

    def state_dict(self) -> dict[str, Any]:
        """The rule's optimizer, the recorded steps, and the counters; the rule itself is saved by the Reweigher."""
        omegas: list[dict[str, Tensor]] = []
        steps = [
            {
                "params": step.params, "held": step.held.state_dict(), "gradient": step.gradient, "factor": step.factor,
                "checksum": step.checksum,
                "parts": [(_place(omegas, part.omega), part.state_dict()) for part in step.parts],
            }
            for step in self._window
        ]  # fmt: skip
        return {
            "teaching": None if self._teaching is None else self._teaching.state_dict(),
            "window": steps,
            "omegas": omegas,
            "steps": self._steps,
            "clean_loss": self.clean_loss,
            "curvature": self.curvature.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any], like: Evidence) -> None:
        """Take up where `state_dict` left off, after the rule has."""
        self._omega, self._open = None, None
        self._teaching = None
        if state["teaching"] is not None:
            self._rule_optimizer().load_state_dict(state["teaching"])
        self._steps, self.clean_loss = state["steps"], state["clean_loss"]
        self.curvature.load_state_dict(state["curvature"])
        held = Snapshot.of(self._optimizer, dict(self._module.named_parameters()))
        self._window = []
        for saved in state["window"]:
            parts = [
                Part.from_state_dict(told, like, state["omegas"][place], self.rule.memory_from)
                for place, told in saved["parts"]
            ]
            self._window.append(
                RecordedStep(
                    saved["params"],
                    held.restored(saved["held"]),
                    parts,
                    saved["gradient"],
                    saved["factor"],
                    saved["checksum"],
                )
            )

    def _close(self, step: RecordedStep) -> None:
        """The optimizer has stepped, and `.grad` still holds what it was given."""
        gradient = {name: p.grad.detach() for name, p in self._module.named_parameters() if p.grad is not None}
        norm = self._gradient_norm()
        if not gradient or norm == 0.0 < self._norm:
            raise BadInput(
                "the gradients were cleared before after_step(): call optimizer.zero_grad() at the next batch"
            )
        if step.held.update.gradient_needed:
            step.gradient = {name: g.clone() for name, g in gradient.items()}
        factor = norm / self._norm if self._norm else 1.0
        step.factor = factor if abs(factor - 1) > 1e-6 else 1.0

    def _gradient_norm(self) -> float:
        grads = [p.grad for p in self._module.parameters() if p.grad is not None]
        return float(torch.stack(torch._foreach_norm(grads)).norm()) if grads else 0.0

    def _clean_pass(self, at: dict[str, Tensor] | None) -> tuple[dict[str, Tensor], Tensor]:
        """The clean gradient at these parameters, averaged over ranks; the rule may look on."""
        batch, places = self._at.next_clean(), self.rule.places(self._module)
        with watching(self._module, places or ()) as seen:
            v, loss = direction_and_loss(self._at.model, self._at.clean_loss, batch, layers=self._at.layers, at=at)
        if places is not None:
            self.rule.see_clean(seen, self._at.clean_labels(batch))
        loss = distributed.summed(loss) / distributed.world_size()
        last, known = float(loss), not math.isnan(self.clean_loss)
        self.clean_loss = _DECAY * self.clean_loss + (1 - _DECAY) * last if known else last
        return distributed.averaged(v), loss

    def _learn(self, by_omega: dict[str, Tensor]) -> None:
        """A step of the rule's optimizer down these derivatives."""
        if not all(bool(torch.isfinite(g).all()) for g in by_omega.values()):
            raise NonFinite(
                f"the derivative of the clean loss by the {self.rule.name} rule's parameters is not finite: lower the "
                "student's learning rate, or shorten the horizon"
            )
        for name, p in self._named().items():
            p.grad = by_omega.get(name, torch.zeros_like(p)).to(p)
        self._rule_optimizer().step()
        for p in self._named().values():
            p.grad = None
        self._omega = None

    def _named(self) -> dict[str, nn.Parameter]:
        assert self.rule.net is not None  # the rule has weighed a batch, or was loaded
        return {name: p for name, p in self.rule.net.named_parameters() if p.requires_grad}

    def _rule_optimizer(self) -> Optimizer:
        if self._teaching is None:
            self._teaching = self.learning.make(list(self._named().values()))
        return self._teaching

    def _rule_parameters(self) -> dict[str, Tensor]:
        """A copy of ω, one for all batches until it changes."""
        if self._omega is None:
            self._omega = {name: p.detach().clone() for name, p in self._named().items()}
        return self._omega


def _place(omegas: list[dict[str, Tensor]], omega: dict[str, Tensor]) -> int:
    """Where ω is in the list; it is put there if it is not."""
    for place, known in enumerate(omegas):
        if known is omega:
            return place
    omegas.append(omega)
    return len(omegas) - 1
