"""The training steps that are compared: plain, the engines apart and fused, and other people's ways.

Every step does the whole work on one fixed batch: zero the gradients, find the weights, run the weighted
backward pass, take a step of SGD with momentum. A plain step has the mean loss instead of the weighted one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from benchmarks.others import by_hand, with_higher, with_torchopt
from benchmarks.tasks import Batch, Task, last_block, make_batches, make_model, per_example_loss
from reweigh import L2RW, Reweigher

ENGINES = ("ghost", "forward", "finite", "double")
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
    """`Reweigher.backward`: weights and weighted gradient together."""

    def __init__(self, bench: Bench, engine: str, layers: list[str] | None = None) -> None:
        self.bench, self.reweigher = bench, make_reweigher(bench, engine, layers)

    def weights(self) -> Tensor | None:
        weights = self.reweigher.backward(self.bench.batch).weights
        self.bench.optimizer.zero_grad()
        return weights

    def __call__(self) -> None:
        self.bench.optimizer.zero_grad()
        self.reweigher.backward(self.bench.batch)
        self.bench.optimizer.step()


def make_reweigher(bench: Bench, engine: str, layers: list[str] | None = None) -> Reweigher:
    """A Reweigher over the bench's one clean batch."""
    return Reweigher(bench.model, per_example_loss, rule=L2RW(), clean=[bench.clean], engine=engine, layers=layers)


def _apart(engine: str) -> Callable[[Task], Step]:
    def make(task: Task) -> Step:
        bench = Bench(task)
        reweigher = make_reweigher(bench, engine)
        return Apart(bench, lambda model, batch, clean: reweigher.weigh(batch))

    return make


def _fused(engine: str) -> Callable[[Task], Step]:
    return lambda task: Fused(Bench(task), engine)


def _last_block(engine: str) -> Callable[[Task], Step]:
    return lambda task: Fused(Bench(task), engine, last_block(task))


def _other(weigh: Weigh) -> Callable[[Task], Step]:
    return lambda task: Apart(Bench(task), weigh)


VARIANTS: dict[str, Callable[[Task], Step]] = {
    "plain": lambda task: Plain(Bench(task)),
    **{f"{engine}, apart": _apart(engine) for engine in ENGINES},
    **{f"{engine}, fused": _fused(engine) for engine in ENGINES},
    **{f"{engine}, fused, last block": _last_block(engine) for engine in ("ghost", "forward")},
    "by hand (create_graph)": _other(by_hand),
    "higher": _other(with_higher),
    "TorchOpt": _other(with_torchopt),
}
