"""Whether an engine's own pass may serve training: its gradients, held against those of an ordinary one."""

import torch
from torch import Tensor

from reweigh._types import Params
from reweigh.alignment.engine import Engine
from reweigh.alignment.refusal import is_out_of_memory
from reweigh.alignment.truth import Truth, norm
from reweigh.as_found import preserve_module_state
from reweigh.errors import EngineRefused
from reweigh.student import EngineTask

_SHARED_TOLERANCE = 2e-2  # two correct passes in bfloat16 differ by 1e-2; a broken graph is off by far more
APART = "weights first, then a pass for training"


def asked(
    engine: Engine, task: EngineTask, u: Params, c: Tensor, share: bool
) -> tuple[Tensor, "dict[str, Tensor] | str | None"]:
    """The engine's alignments along u, and the gradients of its shared pass under c, or why there are none."""
    if not share:
        return engine.alignments(task, u), None
    try:
        with preserve_module_state(task.walk), task.apart(), torch.enable_grad():
            if (both := engine.shared_pass(task, u)) is None:
                return engine.alignments(task, u), APART
            return both[1], _by_name(task, both[0], c)
    except (EngineRefused, _NotAgain) as error:
        kind = type(error.__cause__ or error).__name__
        return engine.alignments(task, u), f"its own pass cannot serve training ({kind}): {APART}"


def _by_name(task: EngineTask, losses: Tensor, c: Tensor) -> dict[str, Tensor]:
    try:
        found = task.gradients(losses, c.to(losses))
    except RuntimeError as error:
        if is_out_of_memory(error):
            raise
        raise _NotAgain from error  # a checkpointed block, say, that computes something else the second time
    return {name: g for name, g in zip(task.chosen, found, strict=True) if g is not None}


class _NotAgain(Exception):
    """The shared pass has no backward pass."""


def compared(shared: "dict[str, Tensor] | str | None", truth: Truth) -> tuple[bool, str]:
    """Whether the shared pass gave the ordinary gradients, and a sentence."""
    if not isinstance(shared, dict):
        return False, shared or APART
    off = max(
        (_far(truth.h.get(n), shared.get(n), truth.faintest) for n in truth.h.keys() | shared.keys()), default=0.0
    )
    if not off <= _SHARED_TOLERANCE:
        return False, f"its own pass gives other gradients (off by {off:.1e}): {APART}"
    return True, f"one pass serves weights and training (gradients agree to {off:.1e})"


def _far(one: Tensor | None, other: Tensor | None, least: float) -> float:
    """The distance of two gradients beside the first, or beside `least`; None is zero."""
    known = one if one is not None else other
    assert known is not None
    one = torch.zeros_like(known) if one is None else one
    difference = norm(one if other is None else one - other)
    return difference / max(norm(one), least) if difference else 0.0
