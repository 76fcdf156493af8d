"""What happened between two moments of a training loop: were gradients added or cleared, was a step taken?

Autograd counts the changes of every tensor, so that a few integers tell, and nothing is copied or read. A user may skip a
step (a gradient scaler does, where gradients overflow), or leave a batch behind after an error of their own: a rule must
not learn as if the student had gone through it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from reweigh import _torch, sharded
from reweigh._types import Params
from reweigh.trajectory import RecordedStep, checksum


@dataclass(frozen=True)
class Trace:
    """How parameters and their gradients stood at a moment.

    Attributes:
        parameters: how often each had been changed.
        gradients: likewise, None where there was none.
        known: the smallest gradient and its parameter's name, by which to see whether gradients were made anew since.
    """

    parameters: dict[str, int]
    gradients: dict[str, int | None]
    known: tuple[str, Tensor] | None

    @classmethod
    def of(cls, params: Params) -> "Trace":
        """Now."""
        grads = {name: p.grad for name, p in params.items()}
        there = [(name, g) for name, g in grads.items() if g is not None]
        return cls(
            dict(zip(params, _torch.versions(params.values()), strict=True)),
            {name: None if g is None else g._version for name, g in grads.items()},
            min(there, key=lambda item: item[1].numel()) if there else None,
        )

    def same_gradients(self, now: "Trace", params: Params) -> bool:
        """Whether nothing was added to `.grad` since, nor cleared."""
        return self.gradients == now.gradients and not self.made_anew(params)

    def made_anew(self, params: Params) -> bool:
        """Whether gradients that were there then are gone, and others may be in their place."""
        return self.known is not None and params[self.known[0]].grad is not self.known[1]


def norm_of_gradients(params: Mapping[str, Tensor]) -> float:
    """The norm of all that is in `.grad`; 0 where nothing is."""
    found = [p.grad for p in params.values() if p.grad is not None]
    grads = [g.coalesce().values() if g.is_sparse else g for g in found]
    if not grads:
        return 0.0
    norm = float(sharded.norms(grads).norm())
    return norm if 0 < norm < math.inf else float(sharded.norms(grads, torch.float64).norm())


def stepped(step: RecordedStep, params: Params, before: Trace) -> bool:
    """Whether the optimizer has moved the parameters since `before`, when they were recorded.

    Fused optimizers move them without being counted, so what was not counted is compared.
    """
    names = step.held.groups
    if any(before.parameters[name] != params[name]._version for name in names):
        return True
    if step.params is None:
        return checksum(params) != step.checksum
    return any(sharded.differ(step.params[name], params[name]) for name in names)
