"""What is kept of a student's step, so that it can be gone through again backwards.

A step is one or several weighed batches (gradient accumulation), the parameters at which they were looked at, what the
optimizer held, and the gradient that it was given. Of each batch: the evidence that the rule saw, with the parameters ω that
the rule had, and the setting of the pass: buffers, generators (dropout masks), train or eval, autocast.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from reweigh import rng
from reweigh.as_found import preserve_module_state
from reweigh.modes import Modes
from reweigh.optimizers import Snapshot
from reweigh.rules import Evidence
from reweigh.states import Seen
from reweigh.undo import ForAWhile, lent
from reweigh.walk import Walkable, walked

Numbers = dict[str, Tensor]


@dataclass(frozen=True)
class Setting:
    """All that a forward pass depends on beside parameters and batch."""

    buffers: Numbers
    generators: Numbers
    training: dict[str, bool]
    autocast: dict[str, str]

    @classmethod
    def of(cls, module: Walkable) -> "Setting":
        """As it is now, before the pass."""
        walk = walked(module)
        devices, parts = walk.devices, walk.named
        kinds = {device.type for device in devices} | {"cpu"}
        return cls(
            {name: buffer.detach().clone() for name, buffer in walk.module.named_buffers()},
            rng.states(devices),
            {name: part.training for name, part in parts.items()},
            {kind: str(torch.get_autocast_dtype(kind)) for kind in kinds if torch.is_autocast_enabled(kind)},
        )

    def again(self, module: Walkable) -> ForAWhile:
        """Within the block the module passes as it did then; afterwards everything is as found."""
        return _Again(self, module)

    def state_dict(self) -> dict[str, Any]:
        """Plain containers of tensors and words."""
        return dict(vars(self))


class _Again(ForAWhile):
    def __init__(self, setting: Setting, module: Walkable) -> None:
        self._setting, self._walk = setting, walked(module)

    def change(self) -> None:
        setting, walk = self._setting, self._walk
        lent(Modes.now().put_back)
        preserve_module_state(walk).change()
        for name, buffer in walk.module.named_buffers():
            if name in setting.buffers:
                buffer.copy_(setting.buffers[name])
        for name, part in walk.named.items():
            part.training = setting.training.get(name, part.training)
        rng.set_states(setting.generators)
        for kind, dtype in setting.autocast.items():
            torch.autocast(kind, getattr(torch, dtype.removeprefix("torch."))).__enter__()


@dataclass(frozen=True)
class Part:
    """One weighed batch: its evidence (detached), the rule's parameters ω then, the weights (B,), the pass's setting."""

    evidence: Evidence
    omega: Numbers
    weights: Tensor
    setting: Setting

    def state_dict(self) -> dict[str, Any]:
        """All but the rule's parameters, which many parts share."""
        e = self.evidence
        told = {"batch": e.batch, "losses": e.losses, "counts": e.counts, "step": e.step, "clean_loss": e.clean_loss}
        return {
            **told,
            "seen": None if e.seen is None else e.seen.state_dict(),
            "memory": e.memory and {name: dict(vars(m)) for name, m in e.memory.items()},
            "weights": self.weights,
            "setting": self.setting.state_dict(),
        }

    @classmethod
    def from_state_dict(cls, state: dict[str, Any], like: Evidence, omega: Numbers, memory_of: Any) -> "Part":
        """The part again; `like` brings what finds labels, `memory_of` makes the rule's memory from tensors."""
        evidence = replace(
            like,
            size=len(state["losses"]),
            like=state["losses"],
            batch=state["batch"],
            losses=state["losses"],
            counts=state["counts"],
            seen=None if state["seen"] is None else Seen(**state["seen"]),
            step=state["step"],
            clean_loss=state["clean_loss"],
            memory=memory_of(state["memory"]),
        )
        return cls(evidence, omega, state["weights"], Setting(**state["setting"]))


@dataclass
class RecordedStep:
    """A step: its parts, and the optimizer's side of it.

    Attributes:
        params: the parameters before the step; None where the optimizer can step back to them by itself.
        held: what the optimizer held before the step.
        gradient: what it was given; None where going back does not need it.
        factor: what the gradient was multiplied by between `backward` and the step, as clipping does; taken for a constant.
        checksum: of the parameters before the step, where they are not kept.
    """

    params: Numbers | None
    held: Snapshot
    parts: list[Part] = field(default_factory=list)
    gradient: Numbers | None = None
    factor: float = 1.0
    checksum: int = 0
