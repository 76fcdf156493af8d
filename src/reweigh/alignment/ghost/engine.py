"""Ghost products: one forward and one backward pass over activations give every alignment, and the weighted gradient too.

A plain step is three passes: forward, gradients of the activations, gradients of the parameters. Here the second is taken
with every loss weighted by one; the alignments are products of what it leaves at each seam with the direction (at most one
pass more, and none where an example has many positions); the third is put together from the same pieces, each example
scaled by its weight. Exact where no operation mixes the examples of a batch.
"""

import weakref
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.autograd.forward_ad import dual_level, make_dual, unpack_dual

from reweigh._types import Params
from reweigh.alignment.engine import Engine
from reweigh.alignment.ghost.arrange import Arrangement
from reweigh.alignment.ghost.cannot_separate import CannotSeparate
from reweigh.alignment.ghost.layers import intercepted
from reweigh.alignment.ghost.layout import Layout
from reweigh.alignment.ghost.seam import Seam
from reweigh.alignment.ghost.watch import Watch
from reweigh.alignment.refusal import refusing
from reweigh.as_found import preserve_module_state, substituted
from reweigh.passes import gradients, leaves_of
from reweigh.student import EngineTask


class Ghost(Engine):
    """Per-layer products of inputs and output gradients: exact where no layer mixes examples, and the cheapest."""

    name: ClassVar[str] = "ghost"
    exact: ClassVar[bool] = True
    assembles: ClassVar[bool] = True

    def alignments(self, task: EngineTask, direction: Params) -> Tensor:
        """One forward pass and one backward pass over the activations."""
        return self.alignments_and_losses(task, direction)[0]

    def alignments_and_losses(self, task: EngineTask, direction: Params) -> tuple[Tensor, Tensor]:
        """The same pass shows the losses."""
        values = {name: p.detach() for name, p in task.parameters.items()}
        for name in task.chosen:
            values[name].requires_grad_()
        with (
            refusing(self, task, direction),
            preserve_module_state(task.walk),
            substituted(task.walk, values),
        ):
            step = Pass(task, values, task.tangents(direction), keeping=False)
            return step.backward(), step.losses.detach()

    def shared_pass(self, task: EngineTask, direction: Params) -> tuple[Tensor, Tensor]:
        """The same, and losses whose backward pass puts the weighted gradient together from what the seams kept."""
        with refusing(self, task, direction):
            values: dict[str, Tensor] = dict(task.parameters)
            step = Pass(task, values, task.tangents(direction), keeping=True)
            alignments = step.backward()
        trained = step.reached() or [p for p in values.values() if p.requires_grad]
        assembled: Any = _Assembled.apply
        return assembled(step, step.losses.detach(), trained, *trained), alignments

    def probe(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Only parameters carry tangents here; what hides them from PyTorch has to know what to do with these."""
        with dual_level(), torch.enable_grad():
            duals = {name: make_dual(p.detach(), torch.ones_like(p)) for name, p in module.named_parameters()}
            with substituted(module, duals):
                module(*args, **kwargs)


class Pass:
    """One forward pass with its seams, and the ledger that they report to.

    Args:
        task: the batch under the model.
        values: what stands in the parameters' places.
        tangents: the direction.
        keeping: whether the seams keep what the weighted gradient needs.
    """

    def __init__(self, task: EngineTask, values: Params, tangents: Params, *, keeping: bool) -> None:
        self.keeping, self._task, self._values = keeping, task, values
        self._rows: Arrangement | None = None
        self._working = False  # while rows are proven, seams pass gradients on and no more
        here = weakref.ref(self)  # the graph must not hold the pass, which holds the graph

        def ledger() -> Pass | None:
            step = here()
            return step if step is not None and step._working else None

        if task.per == "token":
            raise CannotSeparate(
                f"{type(task.module).__name__}",
                "its products are sums over an example, and a token's loss may reach them all",
            )
        with dual_level(), torch.enable_grad():
            duals = {name: make_dual(p, tangents[name]) if name in tangents else p for name, p in values.items()}
            with substituted(task.walk, duals):
                standing_for = {id(dual): values[name] for name, dual in duals.items()}
                watch = Watch(task.walk, ledger, standing_for, task.kinds)
                with watch, intercepted(task.walk.parts, watch.layer):
                    losses = task.shared_losses() if keeping else task.losses()
            self.losses, tangent = unpack_dual(losses)
        self.n, self._seams, self._watch = len(self.losses), watch.seams, watch
        kind = torch.promote_types(self.losses.dtype, torch.float32)
        self._total = torch.zeros_like(self.losses, dtype=kind).detach()
        if tangent is not None:  # parameters that reach the losses without meeting an example
            self._total += tangent.detach()

    def credit(self, shares: Tensor) -> None:
        """Add to the examples' alignments."""
        self._total += shares.to(self._total)

    def rows_of(self, seam: Seam, output: int, delta: Tensor) -> Layout:
        """Where the examples lie in an output of a seam; settled before the backward pass, or proven now."""
        assert self._rows is not None
        return self._rows.of(seam, output, delta)

    def backward(self) -> Tensor:
        """The one backward pass over activations, all losses weighted by one; the alignments (B,)."""
        if not self.losses.requires_grad:
            return self._total.to(self.losses.dtype)
        watch = self._watch
        doubted = watch.forbid_mixing(self.losses)
        to = self._task.places, self._seams, watch.attached, self.losses
        self._rows = Arrangement(*to, coarse=watch.coarse, doubted=doubted)
        self._working = True
        leaves = [p for p in self._values.values() if p.requires_grad]
        ones = torch.ones_like(self.losses)
        _, *hidden = gradients(self.losses, [self._watch.anchor, *leaves], ones)
        if self.keeping and any(g is not None for g in hidden):
            raise CannotSeparate(
                f"{type(self._task.module).__name__}'s own forward", "a parameter is used where no seam sees it"
            )
        self._rows.remember()
        return self._total.to(self.losses.dtype)

    def reached(self) -> list[Tensor]:
        """The parameters that get a gradient: others are none of the losses' graph, as in a pass of PyTorch's own."""
        ids = leaves_of(operand.whole for seam in self._seams for operand in seam.reached())
        return [p for p in self._values.values() if id(p) in ids]

    def weighted(self, weights: Tensor, trained: list[Tensor]) -> list[Tensor | None]:
        """The gradient of Σ w_i ℓ_i for these parameters, from what the seams kept; can be asked once."""
        sums: dict[int, tuple[Tensor, Tensor]] = {}
        some = None if self._task.unread else _worth_choosing(weights)
        for seam in self._seams:
            for operand, g in seam.weighted(weights, some):
                whole = operand.whole
                before = sums.get(id(whole))
                sums[id(whole)] = (whole, g if before is None else _sum(before[1], g))
        self._seams = []
        if not sums:
            return [None] * len(trained)
        wholes, found = zip(*sums.values(), strict=True)
        return list(torch.autograd.grad(wholes, trained, found, allow_unused=True))


class _Assembled(torch.autograd.Function):
    """The losses, whose backward pass asks the seams instead of the model."""

    @staticmethod
    def forward(ctx: Any, step: Pass, losses: Tensor, trained: list[Tensor], *_: Tensor) -> Tensor:
        ctx.step, ctx.trained = step, trained
        return losses

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, weights: Tensor) -> Any:
        return None, None, None, *ctx.step.weighted(weights, ctx.trained)


def _worth_choosing(weights: Tensor) -> Tensor | None:
    """The examples with a weight, where enough have none (L2RW leaves about half without) and asking costs no waiting."""
    if weights.device.type != "cpu":
        return None
    some = weights.nonzero().flatten()
    return some if 0 < len(some) <= 0.8 * len(weights) else None


def _sum(one: Tensor, other: Tensor) -> Tensor:
    return other + one if one.is_sparse else one + other
