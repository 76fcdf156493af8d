"""A seam: the one call at which parameters meet examples.

A parameter's gradient, and its alignment, arise where the parameter meets the examples: in a linear layer, a convolution,
a sum with learned positions. Such a call is cut out of the graph. It gets a graph of its own, between leaves that stand for
its inputs and its parameters, and the model goes on with its value, behind a node that waits for the gradient δ of that
value. One backward pass with every loss weighted by one then visits all seams, and never works out a parameter's gradient:

- the example i's share of the alignment is ⟨δ_i, how far the output i moves along v⟩;
- since examples do not mix, the gradient of Σ w_i ℓ_i at this place is w_i δ_i: what the parameters get of the weighted
  backward pass is worked out from the seam's own graph, later, when the weights are known.

The rest of the graph is freed as that one pass goes along, so that δ takes the place of what it replaces.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge

from reweigh._torch import gradient_edge
from reweigh.alignment.ghost.layout import Layout
from reweigh.alignment.ghost.products import Arguments, Arrival, Kernels, PerSampleGrads, Together, Wanted, moved


@dataclass(frozen=True)
class Operand:
    """A parameter, or something made of parameters alone, as one call sees it."""

    name: str
    whole: Tensor  # with its graph, down to the parameters
    leaf: Tensor  # stands for it in the seam's own graph
    tangent: Tensor | None  # how it moves along the direction


class Ledger(Protocol):
    """What a seam tells and asks while the backward pass runs."""

    n: int
    keeping: bool

    def rows_of(self, seam: "Seam", output: int, delta: Tensor) -> Layout:
        """Where the examples lie in an output of a seam."""
        ...

    def credit(self, shares: Tensor) -> None:
        """Add to the examples' alignments, (n,)."""
        ...


@dataclass(frozen=True)
class CallFacts:
    """What is known of a call beside what goes in and comes out.

    Attributes:
        tangents: how far each output moves along the direction, or None where the rule tells.
        leading: how many of the first dimensions may hold the examples.
        per_sample_grads, arguments: the rule's way to the examples' own gradients, and the call's arguments by name.
        together: a kernel that gives these and the gradient of the one input at once, and what it needs.
        kernels: what takes the place of the seam's own graph.
    """

    tangents: Sequence[Tensor | None] = ()
    leading: Sequence[int] = ()
    per_sample_grads: PerSampleGrads | None = None
    arguments: Arguments | None = None
    together: tuple[Together, tuple[Tensor, ...]] | None = None
    kernels: Kernels | None = None


class Seam:
    """One call, cut out of the graph.

    Args:
        label: which layer this is, for messages.
        number: the how-manieth seam of the pass.
        function: what was called.
        inputs: leaves that stand for the call's inputs, from the examples.
        operands: the parameters.
        outputs: the call's outputs that have a gradient, with the seam's own graph; without where there are kernels.
        facts: what else is known.
    """

    def __init__(
        self,
        label: str,
        number: int,
        function: Callable[..., Any],
        inputs: Sequence[Tensor],
        operands: Sequence[Operand],
        outputs: Sequence[Tensor],
        facts: CallFacts,
    ) -> None:
        self.label, self.number, self.function = label, number, function
        self.inputs, self.operands = list(inputs), list(operands)
        self.edges: list[GradientEdge] = [] if facts.kernels else [gradient_edge(y) for y in outputs]
        self.shapes = [tuple(y.shape) for y in outputs]
        self.leading = list(facts.leading) or [y.ndim for y in outputs]
        self.tangents, self._per_sample_grads = list(facts.tangents), facts.per_sample_grads
        self._arguments, self._together, self._kernels = facts.arguments, facts.together, facts.kernels
        self.base = 0  # how many rows its output was made from, evenly
        self._gradients: dict[str, Tensor] = {}
        self._arrived: list[tuple[Tensor, Layout]] = []

    def back(self, deltas: Sequence[Tensor | None], ledger: Ledger | None) -> list[Tensor | None]:
        """δ has arrived: tell the ledger each example's share, and hand the gradient of the inputs on."""
        arrived = [(k, delta) for k, delta in enumerate(deltas) if delta is not None]
        if ledger is None or not arrived:
            return self._to_inputs(arrived)
        rows = [ledger.rows_of(self, k, delta) for k, delta in arrived]
        arrival = None
        if self._arguments is not None:
            arrival = Arrival(self._arguments, arrived[0][1], rows[0], ledger.n)
        if arrival is not None and self._together is not None and rows[0].inner is None:
            kernel, saved = self._together
            to_input, own = kernel(arrival, saved)
            self._share_by_rule(arrival, own, ledger)
            passed_on: list[Tensor | None] = [to_input]
        else:
            passed_on = self._to_inputs(arrived)
            with torch.no_grad():
                self._share(arrived, rows, arrival, ledger)
        self._tidy(arrived, rows, ledger)
        return passed_on

    def _to_inputs(self, arrived: list[tuple[int, Tensor]]) -> list[Tensor | None]:
        leaves = [x for x in self.inputs if x.requires_grad]
        if not leaves or not arrived:
            return [None] * len(self.inputs)
        if self._kernels is not None and self._arguments is not None:
            return [self._kernels.to_input(self._arguments, arrived[0][1])]
        edges, deltas = [self.edges[k] for k, _ in arrived], [delta for _, delta in arrived]
        found = iter(torch.autograd.grad(edges, leaves, deltas, retain_graph=True, allow_unused=True))
        return [next(found) if x.requires_grad else None for x in self.inputs]

    def _share(
        self, arrived: list[tuple[int, Tensor]], rows: list[Layout], arrival: Arrival | None, ledger: Ledger
    ) -> None:
        if arrival is not None and self._per_sample_grads is not None:
            moving = frozenset(o.name for o in self.operands if o.tangent is not None)
            names = frozenset(o.name for o in self.operands) if ledger.keeping else moving
            self._share_by_rule(
                arrival, self._per_sample_grads(arrival, Wanted(names, moving)) if names else {}, ledger
            )
            return
        for (k, delta), where in zip(arrived, rows, strict=True):
            if (tangent := self.tangents[k]) is not None:
                ledger.credit(_products(delta, tangent, where, ledger.n))

    def _share_by_rule(self, arrival: Arrival, own: Mapping[str, Tensor], ledger: Ledger) -> None:
        tangents = {o.name: o.tangent for o in self.operands if o.tangent is not None}
        for name, each in own.items():
            if name in tangents:
                ledger.credit(each.reshape(ledger.n, -1) @ tangents.pop(name).to(each).flatten())
        if tangents:
            move = moved(self.function, arrival, tangents)
            ledger.credit(_products(arrival.delta, move, arrival.rows, ledger.n, spare=True))
        if ledger.keeping:
            self._gradients = dict(own)

    def _tidy(self, arrived: list[tuple[int, Tensor]], rows: list[Layout], ledger: Ledger) -> None:
        """Keep what the weighted gradient needs, and no more."""
        keeping = ledger.keeping and len(self._gradients) < len(self.operands)
        kept = list(zip(arrived, rows, strict=True)) if keeping else []
        self._arrived = [(delta, where) for (_, delta), where in kept]
        self.edges = [self.edges[k] for (k, _), _ in kept if self.edges]
        self.inputs, self.tangents = [], []
        self._together = None
        if not self._arrived or self._kernels is None:
            self._arguments = None

    def reached(self) -> list[Operand]:
        """The operands of which `weighted` has a gradient: δ has arrived here."""
        return [o for o in self.operands if self._arrived or o.name in self._gradients]

    def weighted(self, weights: Tensor, some: Tensor | None) -> list[tuple[Operand, Tensor]]:
        """What the operands get of the gradient of Σ w_i ℓ_i; can be asked once.

        `some` are the examples with a weight, where only these should be gone through.
        """
        found = []
        for operand in self.operands:
            if (each := self._gradients.pop(operand.name, None)) is not None:
                total = (weights.to(each) @ each.reshape(len(each), -1)).view(each.shape[1:])
                found.append((operand, total.to(operand.leaf.dtype)))
        if self._arrived:
            rest = [o for o in self.operands if all(o is not done for done, _ in found)]
            found += self._by_graph(rest, weights) if self._kernels is None else self._by_kernel(rest, weights, some)
        self._arrived, self._arguments, self.edges = [], None, []
        return found

    def _by_graph(self, operands: list[Operand], weights: Tensor) -> list[tuple[Operand, Tensor]]:
        scaled = [delta * rows.spread(weights.to(delta), delta.shape) for delta, rows in self._arrived]
        gradients = torch.autograd.grad(self.edges, [o.leaf for o in operands], scaled, allow_unused=True)
        return [(o, g) for o, g in zip(operands, gradients, strict=True) if g is not None]

    def _by_kernel(self, operands: list[Operand], weights: Tensor, some: Tensor | None) -> list[tuple[Operand, Tensor]]:
        assert self._kernels is not None
        assert self._arguments is not None
        (delta, rows), arguments = self._arrived[0], self._arguments
        if some is None or rows != Layout(0):
            delta = delta * rows.spread(weights.to(delta), delta.shape)
        else:
            arguments = {**arguments, "input": arguments["input"].detach()[some]}
            delta = delta[some]
            delta *= rows.spread(weights[some].to(delta), delta.shape)
        sums = self._kernels.summed(arguments, delta, frozenset(o.name for o in operands))
        return [(o, sums[o.name].to(o.leaf)) for o in operands]


def _products(delta: Tensor, tangent: Tensor, rows: Layout, n: int, *, spare: bool = False) -> Tensor:
    """⟨δ_i, t_i⟩ for each example, (n,); with `spare`, t may be overwritten."""
    if delta.is_complex():  # Re(conj(δ)·t)
        delta, tangent = torch.view_as_real(delta.resolve_conj()), torch.view_as_real(tangent.to(delta).resolve_conj())
    kind = torch.promote_types(delta.dtype, torch.float32)
    delta, tangent = delta.to(kind), tangent.to(kind)
    both = tangent.mul_(delta) if spare else tangent * delta
    return rows.first(both, n).reshape(n, -1).sum(1)


class Stitch(torch.autograd.Function):
    """Puts a seam's outputs back into the model's graph; the anchor makes that graph reach every seam."""

    @staticmethod
    def forward(ctx: Any, seam: Seam, ledger_of: Callable[[], Ledger | None], values: list[Tensor], *_: Tensor) -> Any:
        """The values, as they are."""
        ctx.seam, ctx.ledger_of = seam, ledger_of
        ctx.set_materialize_grads(False)
        return tuple(values)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *deltas: Tensor | None) -> Any:
        """Nothing for the anchor, and the gradients of the inputs."""
        return None, None, None, None, *ctx.seam.back(deltas, ctx.ledger_of())
