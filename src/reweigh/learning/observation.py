"""One forward pass of the student over a training batch, and what it shows a rule that learns."""

import contextlib
from typing import NamedTuple

import torch
from torch import Tensor

from reweigh._types import BatchGetter
from reweigh.alignment import EngineTask
from reweigh.alignment.by_capture import Training
from reweigh.alignment.by_capture import training as training_pass
from reweigh.as_found import preserve_module_state
from reweigh.rules import Evidence, LearnedRule
from reweigh.states import Look
from reweigh.trajectory import Setting


class Observation(NamedTuple):
    """The losses (B,) as the student's loss has them, with a graph where asked for; the evidence, without one; setting.

    Where the pass is recorded or made again, that is known as `recorded`, and there is no graph.
    """

    task: EngineTask
    losses: Tensor
    evidence: Evidence
    setting: Setting
    recorded: Training | None = None

    def back(self, weights: Tensor) -> None:
        """Adds the gradient of Σ w_i ℓ_i to `.grad`."""
        if self.recorded is None:
            torch.autograd.backward(self.losses, weights)
        else:
            self.recorded.back(weights)


def observe(
    task: EngineTask,
    rule: LearnedRule,
    *,
    training: bool,
    virtual: bool,
    step: int,
    clean_loss: float,
    labels: BatchGetter,
) -> Observation:
    """The pass itself: the one that trains, or one that leaves the student as found, whose graph a virtual step needs."""
    setting, places = Setting.of(task.walk), rule.places(task.module)
    look = Look(places, rule.masks, tokens=task.per == "token", compiled=task.compiled and training)
    recorded = training_pass(task, look) if training and not virtual else None
    if recorded is not None:
        losses = recorded.losses
    else:
        with contextlib.ExitStack() as stack:
            if not training:
                stack.enter_context(preserve_module_state(task.walk))
            stack.enter_context(torch.set_grad_enabled(training or virtual))
            stack.enter_context(look.at(task.module, task.batch))
            losses = task.training_losses() if training else task.losses()
    known = task.student.unscaled(losses.detach())
    evidence = Evidence(
        size=len(known),
        like=known,
        batch=task.batch,
        losses=known,
        look_up=labels,
        counts=task.tokens,
        seen=look.checked(len(known), task.tokens),
        step=step,
        clean_loss=clean_loss,
        memory=rule.memory(),
    )
    return Observation(task, losses, evidence, setting, recorded)
