"""Directions that half precision reaches, where the student's losses are scaled for it."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from reweigh import sharded
from reweigh._types import Params
from reweigh.student import Student

Back = Callable[[Tensor], Tensor]
"""Alignments along what was reached, or losses, (B,), in the units of those that were asked for."""


def reached(direction: Params, student: Student) -> tuple[Params, Back, Back]:
    """The direction at a norm near one, and what takes alignments and losses back; all as it is where nothing is scaled.

    A product with v is taken in half precision where the pass is, and a clean gradient of 1e-7 would vanish in it. The
    factor is a power of two, so that nothing is rounded.
    """
    if not student.scaled or not direction:
        return direction, student.unscaled, student.unscaled
    size = float(sharded.norms(list(direction.values()), torch.float64).square().sum().sqrt())
    k = math.frexp(size)[1] if 0 < size < math.inf else 0
    near = {name: torch.ldexp(v, torch.tensor(-k, device=v.device)) for name, v in direction.items()}
    return near, lambda alignments: student.unscaled(alignments) * 2.0**k, student.unscaled
