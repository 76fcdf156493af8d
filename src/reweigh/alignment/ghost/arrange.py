"""Settling where the examples lie in every seam's outputs: by shape, remembered, or proven."""

import weakref
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge

from reweigh.alignment.ghost.rows import Rows, candidates, fits
from reweigh.alignment.ghost.seam import Seam
from reweigh.alignment.ghost.watch import Unfit

Places = dict[tuple[int, int], Rows]
"""By the numbers of a seam and of its output."""

_remembered: weakref.WeakKeyDictionary[nn.Module, dict[tuple[Any, ...], Rows]] = weakref.WeakKeyDictionary()
"""Where the examples lie is a matter of the model's code, so it is proven once."""


def arrange(module: nn.Module, seams: list[Seam], attached: list[list[GradientEdge]], losses: Tensor) -> Places:
    """Where the examples of a pass lie; its graph is kept.

    Raises:
        Unfit: if no arrangement fits.
    """
    memory, n = _remembered.setdefault(module, {}), len(losses)
    settled: Places = {}
    open_: list[tuple[Seam, int, list[Rows]]] = []
    for seam in seams:
        for k, shape in enumerate(seam.shapes):
            possible = candidates(shape, n, seam.leading[k])
            known = memory.get(_key(seam, k))
            if known is not None and known in possible:
                settled[seam.number, k] = known
            elif len(possible) == 1 and (possible[0].inner is None or n == 1):
                settled[seam.number, k] = possible[0]
            else:
                open_.append((seam, k, possible))
    if open_:
        settled |= _proven(open_, attached, losses)
    if n > 1:  # one example lies everywhere, which tells nothing
        memory.update({_key(seams[number], k): rows for (number, k), rows in settled.items()})
    return settled


def _key(seam: Seam, output: int) -> tuple[Any, ...]:
    return seam.number, output, seam.label, len(seam.shapes[output])


def _proven(open_: list[tuple[Seam, int, list[Rows]]], attached: list[list[GradientEdge]], losses: Tensor) -> Places:
    """The arrangement by which the gradient under weights c_i is c_i times that under weights of one."""
    edges = [attached[seam.number][k] for seam, k, _ in open_]
    c = (1 + torch.rand(len(losses), generator=torch.Generator().manual_seed(0))).to(losses)
    one, weighted = (_at(edges, losses, weights) for weights in (torch.ones_like(c), c))
    found: Places = {}
    for (seam, k, possible), plain, scaled in zip(open_, one, weighted, strict=True):
        if plain is None or scaled is None:
            continue  # the losses do not depend on it
        fitting = [rows for rows in possible if fits(rows, plain, scaled, c)]
        if not fitting:
            raise Unfit(seam.label, f"the examples cannot be told apart in its output of shape {tuple(plain.shape)}")
        found[seam.number, k] = fitting[0]
    return found


def _at(edges: list[GradientEdge], losses: Tensor, weights: Tensor) -> tuple[Tensor | None, ...]:
    return torch.autograd.grad(losses, edges, weights, retain_graph=True, allow_unused=True)
