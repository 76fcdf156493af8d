"""Settling where the examples lie in every seam's outputs: by shape where only one way is left, remembered, or proven."""

from collections.abc import Hashable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge

from reweigh.alignment.ghost.cannot_separate import CannotSeparate
from reweigh.alignment.ghost.layout import Layout, candidates, fitting
from reweigh.alignment.ghost.seam import Seam

_FITS, _FITS_COARSELY = 1e3, 5e-2
"""A residual in units of rounding; and in half precision."""


class Arrangement:
    """Where the examples of a pass lie; its graph is kept.

    What only gradients can tell is proven as they arrive: the gradient under weights c_i, for which one backward pass over
    the activations is made here, must be c_i times that under weights of one, which is the engine's own pass.

    Args:
        places: what was proven in earlier passes of the same manner; `remember` adds to it.
        seams: of this pass.
        attached: where their outputs are in the model's graph.
        losses: (B,), with the graph.
        coarse: whether the pass was in half precision somewhere.
        doubted: whether the examples may be mixed; then all is proven in this pass, whatever the shapes say.

    Raises:
        CannotSeparate: if an arrangement that is known already cannot be vouched for.
    """

    def __init__(
        self,
        places: dict[Hashable, Any],
        seams: list[Seam],
        attached: list[list[GradientEdge]],
        losses: Tensor,
        *,
        coarse: bool,
        doubted: bool = False,
    ) -> None:
        self._n, self._places, self._coarse = len(losses), places, coarse
        self._settled: dict[tuple[int, int], Layout] = {}  # by the numbers of a seam and of its output
        self._proven: dict[Hashable, Layout] = {}
        open_: list[tuple[Seam, int]] = []
        for seam in seams:
            for k, shape in enumerate(seam.shapes):
                possible = candidates(shape, self._n, seam.leading[k])
                known = places.get(_key(seam, k, self._n))
                if not doubted and known is not None and known in possible:
                    self._settle(seam, k, known)
                elif not doubted and len(possible) == 1 and (not possible[0].folded or self._n == 1):
                    self._settle(seam, k, possible[0])
                else:
                    open_.append((seam, k))
        self._weighted: dict[tuple[int, int], Tensor | None] = {}
        if open_:
            generator = torch.Generator().manual_seed(0)
            self._c = (1 + torch.rand(self._n, generator=generator, dtype=torch.float64)).to(losses)
            edges = [attached[seam.number][k] for seam, k in open_]
            found = torch.autograd.grad(losses, edges, self._c, retain_graph=True, allow_unused=True)
            self._weighted = {(seam.number, k): g for (seam, k), g in zip(open_, found, strict=True)}

    def of(self, seam: Seam, output: int, delta: Tensor) -> Layout:
        """Where the examples lie in an output of a seam, now that its gradient under weights of one has arrived.

        Raises:
            CannotSeparate: if no arrangement fits, or none can be vouched for.
        """
        place = seam.number, output
        if place not in self._settled:
            self._prove(seam, output, delta, self._weighted.pop(place))
        return self._settled[place]

    def remember(self) -> None:
        """The pass is over: what was proven in it serves later ones."""
        self._places.update(self._proven)

    def _prove(self, seam: Seam, k: int, plain: Tensor, weighted: Tensor | None) -> None:
        """The arrangement by which the two gradients fit; to be remembered if it is the only one that does."""
        possible = candidates(seam.shapes[k], self._n, seam.leading[k])
        weighted = torch.zeros_like(plain) if weighted is None else weighted
        if not bool(plain.any()) and not bool(weighted.any()):  # nothing is proven and none is needed
            self._settle(seam, k, possible[0] if possible else Layout(0))
            return
        half = self._coarse or plain.dtype.itemsize < 4
        limit = _FITS_COARSELY if half else _FITS * torch.finfo(plain.dtype).eps
        rows, alone = fitting(possible, plain, weighted, self._c, limit)
        if rows is None:
            raise CannotSeparate(
                seam.label, f"the examples cannot be told apart in its output of shape {tuple(plain.shape)}"
            )
        self._settle(seam, k, rows)
        if alone:
            self._proven[_key(seam, k, self._n)] = rows

    def _settle(self, seam: Seam, k: int, rows: Layout) -> None:
        """Layout that came several to an example without being made so from one row each may be unequally many next time."""
        self._settled[seam.number, k] = rows
        if self._n > 1 and rows.folded and seam.base != self._n:
            shape = seam.shapes[k]
            raise CannotSeparate(
                seam.label,
                f"its output of shape {tuple(shape)} has {shape[rows.dim]} rows for {self._n} examples, and nothing shows "
                "that each has as many",
            )


def _key(seam: Seam, output: int, n: int) -> Hashable:
    """The same for the same call as long as the sizes lie to the batch's as they did."""
    sizes = tuple((size == n, size % n == 0) for size in seam.shapes[output][: seam.leading[output]])
    return seam.number, output, seam.label, sizes
