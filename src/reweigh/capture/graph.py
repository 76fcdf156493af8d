"""A CUDA graph: one launch for all kernels of a part of a pass, on the same memory each time.

Inputs are copied to where the graph reads them, results are copied from where it leaves them. Dropout draws fresh masks at
each replay, by generators whose state is on the device: other ones than a pass by Python would draw.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from reweigh._torch import copy_each
from reweigh.capture.noting import compiling
from reweigh.capture.tape import Body
from reweigh.errors import BadInput
from reweigh.walk import Walk


class Graph:
    """Records a pass as CUDA graphs, a graph a part, that share their memory.

    Attributes:
        refused: why it cannot be recorded, in a clause.
        random: always false: generators are the graph's own business.
    """

    def __init__(self, walk: Walk) -> None:
        """`walk` is the model, whose parameters and buffers must stay where they lie."""
        held = [t for _, t in walk.tensors]
        self.refused: str | None = None
        self.random, self.operations = False, math.inf
        self.eps = torch.finfo(torch.bfloat16).eps  # what happens inside a graph nobody sees
        self.constants: Sequence[Tensor] = ()
        self.addresses: Sequence[tuple[Tensor, int]] = [(t, t.data_ptr()) for t in held]
        self._segments: list[_Replay] = []

    def run(self, inputs: Sequence[Tensor], body: Body) -> list[Tensor | None]:
        """One part: captured, and made once by its graph."""
        places = [t.detach().clone().requires_grad_(t.requires_grad) for t in inputs]
        graph = torch.cuda.CUDAGraph()
        try:
            found = self.captured(graph, body, places)
        except RuntimeError as error:
            if self._segments:  # what was captured before has no graph of autograd any more to go on from
                raise BadInput(f"a step cannot be captured as a CUDA graph ({error}): use capture='off'") from error
            self.refused = f"CUDA cannot capture it ({str(error).splitlines()[0]})"
            return body(inputs)
        self._segments.append(_Replay(graph, places, found))
        return self._segments[-1](inputs)

    def captured(self, graph: torch.cuda.CUDAGraph, body: Body, places: Sequence[Tensor]) -> list[Tensor | None]:
        """What the body would give, of which nothing is worked out yet; all parts share their memory."""
        pool = self._segments[0].graph.pool() if self._segments else None
        torch.cuda.synchronize()
        with compiling(), torch.cuda.graph(graph, pool=pool):
            return body(places)

    def done(self) -> "Sequence[_Replay]":
        """The graphs."""
        return self._segments


class _Replay:
    """One part, by its graph."""

    def __init__(self, graph: torch.cuda.CUDAGraph, places: list[Tensor], found: list[Tensor | None]) -> None:
        self.graph, self._places = graph, places
        self._found = [None if t is None else t.detach() for t in found]

    def __call__(self, inputs: Sequence[Tensor]) -> list[Tensor | None]:
        """From inputs, which are copied, to copies of the results."""
        with torch.no_grad():
            if self._places:  # by `.data`: a graph of autograd that a later part goes on from must not see a change
                copy_each([p.data for p in self._places], [t.data for t in inputs])
            self.graph.replay()
            return [None if t is None else t.clone() for t in self._found]
