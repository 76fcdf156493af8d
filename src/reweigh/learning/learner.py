"""The learner: from the student's recorded steps and a clean batch to a step of the rule's optimizer."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.optim import Optimizer

from reweigh import distributed, optimizers
from reweigh._types import Batch, BatchGetter
from reweigh.alignment import AutoEngine, EngineTask, Weighted
from reweigh.clean_gradient import over_ranks
from reweigh.clean_stream import CleanStream
from reweigh.culprits import clean_examples, gradient_not_finite
from reweigh.direction import direction_and_loss
from reweigh.errors import BadInput, NonFinite
from reweigh.learning.observation import Observation, observe
from reweigh.learning.settings import Learning
from reweigh.learning.teaching import Teaching
from reweigh.learning.window import Window
from reweigh.optimizers import Adjoint, ReversibleSGD, Snapshot
from reweigh.progress import Progress
from reweigh.rules import Evidence, LearnedRule
from reweigh.sharded import finite
from reweigh.states import Look
from reweigh.step import Clean, examine, examine_clean
from reweigh.student import Student
from reweigh.trajectory import Curvature, Part, back_through

_DECAY = 0.95


@dataclass(frozen=True)
class Setup:
    """Among what a rule weighs: the student, the same with the loss of clean batches, and what comes with them."""

    student: Student
    clean_student: Student
    optimizer: Optimizer | None
    engine: AutoEngine
    stream: CleanStream
    labels: BatchGetter
    ids: Callable[[Batch], Any]


class MetaStep(NamedTuple):
    """What a step of the rule was like: the clean side, and the alignments (B,) of the student's last batch where known."""

    clean: Clean
    alignments: Tensor | None = None


class Learner:
    """The Reweigher's other half for rules that learn."""

    def __init__(self, rule: LearnedRule, learning: Learning, setup: Setup) -> None:
        if setup.optimizer is None:
            raise BadInput(f"the {rule.name} rule learns from the student's steps: pass optimizer=, the student's own")
        if learning.memory == "reverse" and not isinstance(setup.optimizer, ReversibleSGD):
            raise BadInput(
                f"memory='reverse' steps back exactly, which {type(setup.optimizer).__name__} cannot: train the student "
                "with reweigh.optimizers.ReversibleSGD, or use memory='snapshots'"
            )
        self.rule, self.learning, self.curvature = rule, learning, Curvature()
        self._at, self._optimizer = setup, setup.optimizer
        self._module = setup.student.module
        self._teaching = Teaching(rule, learning)
        self._window = Window(setup.student.walk, self._optimizer, learning)
        self._steps, self._due = 0, False
        self._clean_loss = float("nan")

    @property
    def virtual(self) -> bool:
        """Whether the rule learns before each step, from a virtual one."""
        return self.learning.look_ahead != "real" and not self.rule.frozen

    def holds(self) -> tuple[object, ...]:
        """All objects that a call changes."""
        return self, self.curvature, self._teaching, self._window, self._window.opened

    def weigh(self, task: EngineTask, progress: Progress) -> Tensor:
        """The weights, (B,), from a pass that leaves the student as found; where the rule learns virtually, after it has.

        Raises:
            NonFinite: naming the examples whose losses are not finite, before anything is learned.
        """
        return task.placed(self._weigh(self._observe(task, progress.step, training=False), progress))

    def backward(self, task: EngineTask, progress: Progress) -> Weighted:
        """As `weigh`, from the pass that trains, and the gradient of Σ w_i ℓ_i is added to `.grad`."""
        seen = self._observe(task, progress.step, training=True)
        weights = self._weigh(seen, progress)
        seen.back(weights)
        self.graded()
        return Weighted(task.placed(seen.task.student.unscaled(seen.losses.detach())), task.placed(weights))

    def graded(self) -> None:
        """The batch's gradient has been added to `.grad`."""
        self._window.graded()

    def _observe(self, task: EngineTask, step: int, *, training: bool) -> Observation:
        return observe(
            task,
            self.rule,
            training=training,
            virtual=self.virtual,
            step=step,
            clean_loss=self._clean_loss,
            labels=self._at.labels,
        )

    def _weigh(self, seen: Observation, progress: Progress) -> Tensor:
        evidence, ids = seen.evidence, seen.task.each(self._at.ids(seen.task.batch))
        examine(evidence.step + 1, evidence.losses, None, None, ids)
        clean = alignments = None
        if self.virtual:
            with seen.setting.again(seen.task.walk):
                clean, alignments = self._learn_virtually(evidence, seen.losses, seen.task)
        weights = self.rule.weigh(evidence)
        progress.count(weights, alignments, evidence.losses, clean, ids, evidence.counts)
        if not self.virtual and not self.rule.frozen:  # the rule is to learn from this batch when the step is taken
            self._window.add(Part(evidence, self._teaching.copy(), weights, seen.setting))
        return weights

    def _learn_virtually(self, evidence: Evidence, losses: Tensor, task: EngineTask) -> MetaStep:
        """One step of the rule from a virtual step of the student (Shu et al. 2019, equations 3 to 5)."""
        params = task.parameters
        weights = self.rule.weights(evidence)
        omega = self._teaching.parameters
        along_losses = weights.detach().to(losses.dtype)
        found = task.gradients(losses, along_losses, keep_graph=True)
        there = {name: d for name, d in zip(task.chosen, found, strict=True) if d is not None}
        g = distributed.averaged({name: task.student.unscaled(d) for name, d in there.items()})
        held = Snapshot.of(self._optimizer, params, copied=False)
        held = held.plain() if self.learning.look_ahead == "virtual-sgd" else held
        try:
            clean = self._clean_pass(optimizers.step_ahead(held, params, g))
        except NonFinite:
            if not all(finite(d) for d in g.values()):
                at = self._at
                raise NonFinite(gradient_not_finite(at.student, evidence.batch, at.ids, evidence.step + 1)) from None
            raise
        along, _ = optimizers.step_back(Adjoint(clean.towards), held, params, g, params_too=False)
        a = self._at.engine.alignments(task, along)
        examine(evidence.step + 1, None, a, None, self._at.ids(evidence.batch))
        by_omega = torch.autograd.grad(weights, list(omega.values()), a.to(weights), allow_unused=True)
        found_too = {name: clean.undone(d) for name, d in zip(omega, by_omega, strict=True) if d is not None}
        self._teaching.step(distributed.averaged(found_too))
        return MetaStep(clean, -clean.undone(a))

    def step_taken(self) -> bool:
        """The student has made its step, which is recorded; whether it is time to learn from the last K."""
        if self.rule.frozen:
            return True
        if self._window.close():
            self._due = (self._steps + 1) % (self.learning.every or self.learning.horizon) == 0
            self._steps += not self._due
        return self._due

    def learn(self) -> MetaStep:
        """Learn from the last K steps; where it fails, it is due again at the next one."""
        if self.rule.frozen:
            return MetaStep(self._clean_pass(None))
        clean = self._clean_pass(None)
        by_omega, latest = back_through(
            self._window.steps,
            clean.towards,
            student=self._at.student,
            rule=self.rule,
            engine=self._at.engine,
            curvature=self.curvature,
            optimizer=self._optimizer,
        )
        for part, a in zip(self._window.steps[-1].parts, latest, strict=True):
            examine(part.evidence.step + 1, None, a, None, self._at.ids(part.evidence.batch))
        self._teaching.step({name: clean.undone(g) for name, g in by_omega.items()})
        self._steps, self._due = self._steps + 1, False
        return MetaStep(clean, -clean.undone(latest[-1]))

    def _needed(self) -> int:
        """How many of the recorded steps the rule will learn from again: none right after it has, unless windows overlap."""
        every = self.learning.every or self.learning.horizon
        return max(0, self.learning.horizon - every + self._steps % every)

    def explain(self) -> str:
        """How Hessian-vector products are computed, where the horizon asks for them."""
        return self.curvature.reason if self.learning.horizon > 1 else ""

    def state_dict(self) -> dict[str, Any]:
        """The rule's optimizer, the recorded steps, and the counters; the rule itself is saved by the Reweigher."""
        return {
            "teaching": self._teaching.state_dict(),
            "window": self._window.state_dict(self._needed()),
            "steps": self._steps,
            "clean_loss": self._clean_loss,
            "curvature": self.curvature.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up where `state_dict` left off, after the rule has; its network goes where the student is."""
        if self.rule.net is not None:
            self.rule.net.to(next(self._module.parameters()).device)
        self._teaching.load_state_dict(state["teaching"])
        self._window.load_state_dict(
            state["window"], self.rule, Evidence(0, torch.empty(0), None, look_up=self._at.labels)
        )
        self._steps, self._clean_loss = state["steps"], state["clean_loss"]
        self.curvature.load_state_dict(state["curvature"])

    def _clean_pass(self, at: dict[str, Tensor] | None) -> Clean:
        """The clean gradient at these parameters, averaged over ranks; the rule may look on."""
        batch, places = self._at.stream.next(), self.rule.places(self._module)
        look = Look(places, self.rule.masks)
        v, loss = direction_and_loss(self._at.clean_student, batch, at=at, look=look)
        seen = look.seen
        labels = None
        with distributed.together(loss.device):
            if places is not None:
                labels = self._at.labels(batch) if self.rule.reads_labels else None
                self.rule.check_clean(seen, labels)
        v, loss = over_ranks(v, loss)
        clean = Clean(v, loss)
        states = [s.abs().amax() for s in seen.states.values()]
        examine_clean(clean, states, lambda: clean_examples(self._at.clean_student, batch, self._at.ids, at))
        if places is not None:
            self.rule.see_clean(seen, labels)
        last, known = float(loss), not math.isnan(self._clean_loss)
        self._clean_loss = _DECAY * self._clean_loss + (1 - _DECAY) * last if known else last
        return clean
