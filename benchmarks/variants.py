"""The training steps that are compared: plain, the engines apart and fused, and other people's ways.

Every step does the whole work on one fixed batch: zero the gradients, find the weights, run the weighted
backward pass, take a step of SGD with momentum. A plain step has the mean loss instead of the weighted one.

FLOORS counts passes over the network, a forward pass as one and a backward pass as two: what a step has to do at least,
a plain one being 3. A clean batch of m beside n adds 3·m/n to every way of computing weights.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from benchmarks.betty_weights import with_betty
from benchmarks.others import by_hand, per_example_gradients, with_higher, with_torchopt
from benchmarks.tasks import Batch, Task, last_block, make_batches, make_model, per_example_loss
from reweigh import L2RW, Reweigher

_RECORDED = 20
"""Steps by which passes are recorded and were held against passes by Python; the next such comparison is far."""
Weigh = Callable[[nn.Module, Batch, Batch], Tensor]


class Step(Protocol):
    """One variant, set up on its own copy of the model."""

    def weights(self) -> Tensor | None:
        """The weights (B,) at the model's present parameters; None for the plain step."""

    def __call__(self) -> None:
        """One whole training step."""


class Bench:
    """A model, its optimizer and its two batches: what every variant starts from."""

    def __init__(self, task: Task) -> None:
        self.model = make_model(task)
        self.batch, self.clean = make_batches(task)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.01, momentum=0.9)


@dataclass
class Plain:
    """No weights at all: what the others are divided by."""

    bench: Bench

    def weights(self) -> Tensor | None:
        return None

    def __call__(self) -> None:
        bench = self.bench
        bench.optimizer.zero_grad()
        torch.autograd.backward(per_example_loss(bench.model, bench.batch).mean())
        bench.optimizer.step()


@dataclass
class Apart:
    """First the weights, then a forward and a weighted backward pass."""

    bench: Bench
    weigh: Weigh

    def weights(self) -> Tensor | None:
        return self.weigh(self.bench.model, self.bench.batch, self.bench.clean)

    def __call__(self) -> None:
        bench = self.bench
        weights = self.weigh(bench.model, bench.batch, bench.clean)
        bench.optimizer.zero_grad()
        torch.autograd.backward(per_example_loss(bench.model, bench.batch), weights)
        bench.optimizer.step()


class Fused:
    """`Reweigher.backward`: weights and weighted gradient together; where passes are recorded, after they are."""

    def __init__(self, bench: Bench, **options: Any) -> None:
        self.bench, self.reweigher = bench, make_reweigher(bench, **options)
        for _ in range(_RECORDED if "capture" in options else 0):
            self.weights()

    def weights(self) -> Tensor | None:
        weights = self.reweigher.backward(self.bench.batch).weights
        self.bench.optimizer.zero_grad()
        return weights

    def __call__(self) -> None:
        self.bench.optimizer.zero_grad()
        self.reweigher.backward(self.bench.batch)
        self.bench.optimizer.step()


def make_reweigher(bench: Bench, **options: Any) -> Reweigher:
    """A Reweigher over the bench's one clean batch; with a preset over its examples, batched as the preset says."""
    clean: Any = bench.clean if "preset" in options else [bench.clean]
    return Reweigher(bench.model, per_example_loss, rule=L2RW(), clean=clean, **options)


def _apart(engine: str) -> Callable[[Task], Step]:
    def make(task: Task) -> Step:
        bench = Bench(task)
        reweigher = make_reweigher(bench, engine=engine)
        return Apart(bench, lambda model, batch, clean: reweigher.weigh(batch))

    return make


def _fused(**options: Any) -> Callable[[Task], Step]:
    return lambda task: Fused(Bench(task), **options)


def _last_block(engine: str) -> Callable[[Task], Step]:
    return lambda task: Fused(Bench(task), engine=engine, layers=last_block(task))


def _other(weigh: Weigh) -> Callable[[Task], Step]:
    return lambda task: Apart(Bench(task), weigh)


VARIANTS: dict[str, Callable[[Task], Step]] = {
    "plain": lambda task: Plain(Bench(task)),
    "ghost, fused": _fused(engine="ghost"),
    "ghost, apart": _apart("ghost"),
    "ghost, fused, last block": _last_block("ghost"),
    "forward, fused": _fused(engine="forward"),
    "forward, apart": _apart("forward"),
    "forward, fused, last block": _last_block("forward"),
    "forward, zeros skipped": _fused(engine="forward", skip_zeros=True),
    "ghost, replayed": _fused(engine="ghost", capture="replay"),
    "forward, replayed": _fused(engine="forward", capture="replay"),
    "ghost, compiled": _fused(engine="ghost", capture="compile"),
    "forward, compiled": _fused(engine="forward", capture="compile"),
    "ghost, CUDA graphs": _fused(engine="ghost", capture="cudagraph"),
    "forward, CUDA graphs": _fused(engine="forward", capture="cudagraph"),
    "finite, apart": _apart("finite"),
    "finite, zeros skipped": _fused(engine="finite", skip_zeros=True),
    "double, fused": _fused(engine="double"),
    "auto, direction kept for 5 steps": _fused(clean_every=5),
    "auto, directions averaged": _fused(clean_average=0.9),
    "auto, preset fast": _fused(preset="fast"),
    "by hand (create_graph)": _other(by_hand),
    "higher": _other(with_higher),
    "TorchOpt": _other(with_torchopt),
    "vmap (per-example gradients)": _other(per_example_gradients),
    "Betty (finite difference)": _other(with_betty),
}
USUAL = (
    "plain", "ghost, fused", "ghost, fused, last block", "forward, fused", "forward, fused, last block",
    "finite, apart", "finite, zeros skipped", "auto, preset fast",
    "by hand (create_graph)", "higher", "TorchOpt", "vmap (per-example gradients)", "Betty (finite difference)",
)  # fmt: skip
"""What a table has if nothing else is asked for."""
BRIEF = (
    "plain", "ghost, fused", "ghost, fused, last block", "forward, fused", "forward, fused, last block",
    "by hand (create_graph)",
)  # fmt: skip
"""Likewise, for the wide networks, which take the longest."""
UNCOUNTED = frozenset({"vmap (per-example gradients)", "auto, direction kept for 5 steps"})
"""Whose operations are not those of one step: vmap makes grouped convolutions, which PyTorch counts as if each group had all
channels; and one step in five takes a clean gradient.
"""
FLOORS = {
    "plain": 3.0,
    "ghost, fused": 4.0, "ghost, apart": 6.0,
    "forward, fused": 5.0, "forward, apart": 6.0,
    "finite, apart": 5.0,
    "Betty (finite difference)": 8.0,  # the inner step, two passes at moved parameters, the weighted step
}  # fmt: skip


def usual(task: Task) -> tuple[str, ...]:
    """The variants that a task's table has."""
    return BRIEF if task.model.startswith("wrn") and task.device == "cpu" else USUAL


def floor(variant: str, task: Task) -> float | None:
    """The passes of the variant by those of a plain step, where they can be counted for any network."""
    if variant == "plain":
        return 1.0
    return (FLOORS[variant] + 3 * task.m / task.n) / 3 if variant in FLOORS else None
