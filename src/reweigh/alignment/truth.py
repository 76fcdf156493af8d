"""What is true of a batch: one ordinary pass, forward and backward, under random c; and the direction that a check takes."""

from typing import NamedTuple

import torch
from torch import Tensor

from reweigh._types import Params
from reweigh.alignment.arithmetic import Coarsest
from reweigh.alignment.engine import Task
from reweigh.student import gradients, undisturbed

_FAINT = 64
"""In units of rounding beside the largest gradient: below that a gradient may be nothing but noise."""


class Undecided(Exception):
    """The batch proves nothing: its losses or their gradients are not finite, or zero throughout."""


class Truth(NamedTuple):
    """One ordinary backward pass: random c (B,), h = ∇Σ c_i ℓ_i by name, ‖h_p‖, and the coarsest arithmetic seen."""

    c: Tensor
    h: dict[str, Tensor]
    norms: dict[str, float]
    dtype: torch.dtype

    @property
    def scale(self) -> float:
        """The largest ‖h_p‖."""
        return max(self.norms.values(), default=0.0)

    @property
    def unit(self) -> float:
        """Keeps both a balanced direction and the alignments along it within the range of their arithmetic."""
        return max(self.scale, 1e-300) ** 0.5

    @property
    def faintest(self) -> float:
        """Below this a gradient may be nothing but noise."""
        return float(_FAINT * self.scale * min(torch.finfo(self.dtype).eps, 1e-3))


def truth_of(task: Task, draw: int) -> Truth:
    """One ordinary pass, forward and backward, under random c.

    Raises:
        Undecided: where the gradients are not finite, or all zero, or too small for their arithmetic.
    """
    generator = torch.Generator().manual_seed(draw)
    with undisturbed(task.module), torch.enable_grad(), Coarsest() as seen:
        losses = task.losses()
        c = torch.randn(len(losses), generator=generator, dtype=torch.float64).to(losses)
        if not losses.requires_grad:
            raise Undecided
        found = gradients(losses, list(task.chosen.values()), c)
    h = {name: g for name, g in zip(task.chosen, found, strict=True) if g is not None}
    norms = {name: norm(g) for name, g in h.items()}
    largest = max(norms.values(), default=0.0)
    smallest = max((torch.finfo(g.dtype).tiny / torch.finfo(g.dtype).eps for g in h.values()), default=0.0)
    if not smallest < largest < float("inf"):
        raise Undecided
    return Truth(c.double(), h, norms, seen.dtype)


def balanced(truth: Truth) -> tuple[dict[str, Tensor], dict[str, float]]:
    """u, in which every parameter has the same share of ⟨h, u⟩ up to a common unit, and these shares (1, or less where a
    gradient is so faint that it may be noise).
    """
    least = truth.faintest
    u, shares = {}, {}
    for name, g in truth.h.items():
        if size := truth.norms[name]:
            u[name] = (g / size).mul_(truth.unit / max(size, least))
            shares[name] = size / max(size, least)
    return u, shares


def off_along(truth: Truth, tangents: Params, alignments: Tensor) -> float:
    """How far Σ c_i a_i is from ⟨h, v⟩, relative to the larger of it and ‖a‖: noise of any size is off by about one."""
    expected = along(truth.h, tangents)
    found = float(truth.c @ alignments.double())
    size = max(abs(expected), float(alignments.double().norm()))
    return abs(found - expected) / size if size else 0.0


def along(h: Params, tangents: Params) -> float:
    """⟨h, v⟩, the real part where parameters are complex."""
    return sum(product(h[name], v) for name, v in tangents.items() if name in h)


def norm(g: Tensor) -> float:
    """‖g‖ in float64."""
    return float(torch.linalg.vector_norm(g.abs() if g.is_complex() else g, dtype=torch.float64))


def product(g: Tensor, v: Tensor) -> float:
    """⟨g, v⟩ in float64, the real part where they are complex."""
    wide = torch.complex128 if g.is_complex() else torch.float64
    return float((g.to(wide) * v.to(wide).conj()).sum().real)
