"""What is true of a batch: one ordinary pass, forward and backward, under random c; and the direction that a check takes."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from reweigh import distributed, sharded
from reweigh._types import Params
from reweigh.alignment.arithmetic import Coarsest
from reweigh.as_found import preserve_module_state
from reweigh.student import EngineTask

_FAINT, _FAINTEST = 1e3, 5e-2
"""Beside the largest gradient, in units of rounding and at the most: below that a gradient may be nothing but noise."""


_SMALLER = 64.0


class Undecided(Exception):
    """The batch proves nothing: its losses or their gradients are not finite, or zero throughout."""


class TooLarge(Undecided):
    """The gradients are not finite where the losses are scaled: by too much."""


class Truth(NamedTuple):
    """One ordinary backward pass: random c (B,), h = ∇Σ c_i ℓ_i by name, ‖h_p‖, and the coarsest arithmetic seen.

    Where parameters are spread over `ranks`, h is the mean over them, and so is Σ c_i a_i then.
    """

    c: Tensor
    h: dict[str, Tensor]
    norms: dict[str, float]
    dtype: torch.dtype
    ranks: int = 1

    def sum_of(self, alignments: Tensor) -> float:
        """Σ c_i a_i, which is to be ⟨h, v⟩."""
        found = self.c @ alignments.double()
        return float(found) if self.ranks == 1 else float(distributed.summed(found)) / self.ranks

    @property
    def scale(self) -> float:
        """The largest ‖h_p‖."""
        return max(self.norms.values(), default=0.0)

    @property
    def unit(self) -> float:
        """Keeps both a balanced direction and the alignments along it within the range of their arithmetic."""
        return math.sqrt(max(self.scale, 1e-300))

    @property
    def faintest(self) -> float:
        """Below this a gradient may be nothing but noise, as that of a bias before a normalisation is."""
        return self.scale * min(_FAINT * torch.finfo(self.dtype).eps, _FAINTEST)


def truth_of(task: EngineTask, draw: int) -> Truth:
    """One ordinary pass, forward and backward, under random c.

    Raises:
        Undecided: where losses or gradients are not finite, or all zero, or too small for their arithmetic.
    """
    generator = torch.Generator().manual_seed(draw)
    with preserve_module_state(task.walk), torch.enable_grad(), Coarsest() as seen:
        losses = task.losses()
        c = torch.randn(len(losses), generator=generator, dtype=torch.float64).to(losses)
        if task.student.scaled:  # no check asks for more than the step itself
            c /= _SMALLER
        if task.anywhere(not losses.requires_grad or not bool(losses.isfinite().all())):
            raise Undecided
        found = task.gradients(losses, c)
    h = {name: g for name, g in zip(task.chosen, found, strict=True) if g is not None}
    norms = dict(zip(h, sharded.norms(list(h.values()), torch.float64).tolist(), strict=True)) if h else {}
    largest = max(norms.values(), default=0.0)
    smallest = max((torch.finfo(g.dtype).tiny / torch.finfo(g.dtype).eps for g in h.values()), default=0.0)
    if task.student.scaled and not largest < float("inf"):
        raise TooLarge
    if not smallest < largest < float("inf"):
        raise Undecided
    return Truth(c.double(), h, norms, seen.dtype, distributed.world_size() if task.sharded else 1)


def truth_if_told(task: EngineTask, draw: int) -> Truth | None:
    """As `truth_of`, found before a step's own pass moves anything; None where the batch cannot tell."""
    try:
        return truth_of(task, draw)
    except Undecided:
        return None


def balanced(truth: Truth) -> dict[str, Tensor]:
    """u, in which every parameter has the same share of ⟨h, u⟩: one unit. Those are left out whose gradients are zero, or so
    faint that they may be noise.
    """
    loud = {name: size for name, size in truth.norms.items() if size > truth.faintest}
    return {name: (truth.h[name] / size).mul_(truth.unit / size) for name, size in loud.items()}


def off_along(truths: list[Truth], tangents: Params, alignments: Tensor) -> float:
    """How far Σ c_i a_i is from ⟨h, v⟩, relative; the root mean square over the draws.

    Relative to the true side alone: an engine that returns large noise must not set its own scale.
    """
    expected = [along(truth.h, tangents) for truth in truths]
    sizes = [sum(norm(truth.h[n]) * norm(v) for n, v in tangents.items() if n in truth.h) for truth in truths]
    off = [truth.sum_of(alignments) - e for truth, e in zip(truths, expected, strict=True)]
    scale = max(_rms(expected), 1e-2 * _rms(sizes))
    return _rms(off) / scale if scale else _rms(off)


def _rms(values: list[float]) -> float:
    return math.sqrt(sum(value**2 for value in values) / len(values))


def along(h: Params, tangents: Params) -> float:
    """⟨h, v⟩, the real part where parameters are complex."""
    return sum(product(h[name], v) for name, v in tangents.items() if name in h)


def norm(g: Tensor) -> float:
    """‖g‖ in float64."""
    return float(sharded.norms([g], torch.float64))


def product(g: Tensor, v: Tensor) -> float:
    """⟨g, v⟩ in float64, the real part where they are complex."""
    return sharded.product(g, v)
