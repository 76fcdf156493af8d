"""One forward pass of the student over a training batch, and what it shows a rule that learns."""

import contextlib
from typing import NamedTuple

import torch
from torch import Tensor

from reweigh._types import BatchGetter
from reweigh.alignment import EngineTask
from reweigh.as_found import preserve_module_state
from reweigh.rules import Evidence, LearnedRule
from reweigh.states import checked, watching
from reweigh.trajectory import Setting


class Observation(NamedTuple):
    """The losses (B,) as the student's loss has them, with a graph where asked for; the evidence, without one; setting."""

    task: EngineTask
    losses: Tensor
    evidence: Evidence
    setting: Setting


def observe(
    task: EngineTask,
    rule: LearnedRule,
    *,
    training: bool,
    graph: bool,
    step: int,
    clean_loss: float,
    labels: BatchGetter,
) -> Observation:
    """The pass itself: the one that trains, or one that leaves the student as found."""
    setting, places = Setting.of(task.walk), rule.places(task.module)
    with contextlib.ExitStack() as stack:
        if not training:
            stack.enter_context(preserve_module_state(task.walk))
        stack.enter_context(torch.set_grad_enabled(graph))
        compiled = task.compiled and training
        seen = None
        if places is not None:
            masks, tokens = rule.masks(task.batch), task.per == "token"
            watched = watching(task.module, places, compiled=compiled, masks=masks, tokens=tokens)
            seen = stack.enter_context(watched)
        losses = task.training_losses() if training else task.losses()
    known = task.student.unscaled(losses.detach())
    evidence = Evidence(
        size=len(known),
        like=known,
        batch=task.batch,
        losses=known,
        look_up=labels,
        counts=task.tokens,
        seen=None if seen is None else checked(seen, places or (), len(known), task.tokens),
        step=step,
        clean_loss=clean_loss,
        memory=rule.memory(),
    )
    return Observation(task, losses, evidence, setting)
