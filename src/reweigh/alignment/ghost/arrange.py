"""Settling where the examples lie in every seam's outputs: by shape where only one way is left, remembered, or proven."""

from collections.abc import Hashable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge

from reweigh.alignment.ghost.cannot_separate import CannotSeparate
from reweigh.alignment.ghost.layout import Layout, candidates, residual
from reweigh.alignment.ghost.seam import Seam

Places = dict[tuple[int, int], Layout]
"""By the numbers of a seam and of its output."""
_FITS, _FITS_COARSELY, _NO_RIVAL = 1e3, 5e-2, 3.0
"""A residual in units of rounding; in half precision; and how much larger the next best one must be."""


def arrange(
    places: dict[Hashable, Any],
    seams: list[Seam],
    attached: list[list[GradientEdge]],
    losses: Tensor,
    *,
    coarse: bool,
    doubted: bool = False,
) -> Places:
    """Where the examples of a pass lie; its graph is kept.

    Args:
        places: what was proven in earlier passes of the same manner; added to.
        seams: of this pass.
        attached: where their outputs are in the model's graph.
        losses: (B,), with the graph.
        coarse: whether the pass was in half precision somewhere.
        doubted: whether the examples may be mixed; then all is proven in this pass, whatever the shapes say.

    Raises:
        CannotSeparate: if no arrangement fits, or none can be vouched for.
    """
    n = len(losses)
    settled: Places = {}
    open_: list[tuple[Seam, int, list[Layout]]] = []
    for seam in seams:
        for k, shape in enumerate(seam.shapes):
            possible = candidates(shape, n, seam.leading[k])
            known = places.get(_key(seam, k, n))
            if doubted:
                open_.append((seam, k, possible))
            elif known is not None and known in possible:
                settled[seam.number, k] = known
            elif len(possible) == 1 and (not possible[0].folded or n == 1):
                settled[seam.number, k] = possible[0]
            else:
                open_.append((seam, k, possible))
    if open_:
        proven, sure = _proven(open_, attached, losses, coarse)
        settled |= proven
        places.update({_key(seams[number], k, n): proven[number, k] for number, k in sure})
    _vouch_for(settled, seams, n)
    return settled


def _key(seam: Seam, output: int, n: int) -> Hashable:
    """The same for the same call as long as the sizes lie to the batch's as they did."""
    sizes = tuple((size == n, size % n == 0) for size in seam.shapes[output][: seam.leading[output]])
    return seam.number, output, seam.label, sizes


def _vouch_for(settled: Places, seams: list[Seam], n: int) -> None:
    """Layout that came several to an example without being made so from one row each may be unequally many next time."""
    for (number, k), rows in settled.items():
        seam = seams[number]
        if n > 1 and rows.folded and seam.base != n:
            shape = seam.shapes[k]
            raise CannotSeparate(
                seam.label,
                f"its output of shape {tuple(shape)} has {shape[rows.dim]} rows for {n} examples, and nothing shows that "
                "each has as many",
            )


def _proven(
    open_: list[tuple[Seam, int, list[Layout]]], attached: list[list[GradientEdge]], losses: Tensor, coarse: bool
) -> tuple[Places, list[tuple[int, int]]]:
    """The arrangements by which the gradient under weights c_i is c_i times that under weights of one, and which of them
    are the only ones that fit. Where no gradient arrives, nothing is proven and none is needed.
    """
    edges = [attached[seam.number][k] for seam, k, _ in open_]
    c = (1 + torch.rand(len(losses), generator=torch.Generator().manual_seed(0), dtype=torch.float64)).to(losses)
    one, weighted = (_at(edges, losses, weights) for weights in (torch.ones_like(c), c))
    found: Places = {}
    sure: list[tuple[int, int]] = []
    for (seam, k, possible), plain, scaled in zip(open_, one, weighted, strict=True):
        if plain is None or scaled is None:
            continue  # the losses do not depend on it
        if not bool(plain.any()) and not bool(scaled.any()):
            found[seam.number, k] = possible[0] if possible else Layout(0)
            continue
        half = coarse or plain.dtype.itemsize < 4
        limit = _FITS_COARSELY if half else _FITS * torch.finfo(plain.dtype).eps
        by_residual = sorted((residual(rows, plain, scaled, c), str(rows), rows) for rows in possible)
        if not by_residual or not by_residual[0][0] <= limit:
            raise CannotSeparate(
                seam.label, f"the examples cannot be told apart in its output of shape {tuple(plain.shape)}"
            )
        found[seam.number, k] = by_residual[0][2]
        if len(by_residual) == 1 or by_residual[1][0] > max(_NO_RIVAL * by_residual[0][0], limit):
            sure.append((seam.number, k))
    return found, sure


def _at(edges: list[GradientEdge], losses: Tensor, weights: Tensor) -> tuple[Tensor | None, ...]:
    return torch.autograd.grad(losses, edges, weights, retain_graph=True, allow_unused=True)
