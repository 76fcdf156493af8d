"""What the estimators train with, and the relative weights that come out of it."""

import math
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from reweigh import rng
from reweigh._types import Batch
from reweigh.data.sampling import drawn
from reweigh.hosts.sklearn.rows import Rows
from reweigh.reweigher import Reweigher
from reweigh.run import Callback, Step, Trainer, batches_of, fit

Loss = Callable[[Tensor, Tensor], Tensor]
"""(outputs (B, outputs), targets (B, ...)) -> (B,)."""
TURN = threading.RLock()
"""Modules, masks and orders are drawn from generators of the process: fits in several threads take turns."""


@dataclass
class Trained:
    """What training leaves behind beside the module.

    Attributes:
        weights: each row's mean relative weight over the second half of the epochs, (N,); rows not trained on stay at 1.
        history: one line of means an epoch.
        vanished_at: the step at which the clean gradient had all but vanished; 0 where it has not.
        explanation: which engine computed the alignments.
    """

    weights: np.ndarray[Any, Any]
    history: list[dict[str, float]]
    vanished_at: int
    explanation: str


class Parts(NamedTuple):
    """What an estimator trains with: all rows, the clean ones, the loss of a batch, class sizes (C,) or None, and a seed."""

    rows: Rows
    clean: Rows
    loss: Callable[[nn.Module, Batch], Tensor]
    counts: Tensor | None
    seed: int


@dataclass(frozen=True)
class Plan:
    """How long and in what portions; `train` (n,) are the rows trained on, `sampling` how often each is drawn, (n,).

    `thinned` says by which way (`data.sampling.drawn`).
    """

    train: Tensor
    sampling: Callable[[], Tensor | None]
    thinned: bool
    epochs: int
    batch_size: int
    seed: int
    verbose: bool

    def batches(self, epoch: int) -> Iterator[Tensor]:
        """The epoch's rows in portions of nearly one size: no last batch of one, which batch normalisation cannot take."""
        draw = torch.Generator().manual_seed(rng.mixed(self.seed, 1, epoch))
        n = len(self.train)
        order = drawn(n, draw, self.sampling(), thinned=self.thinned)
        yield from self.train[order].tensor_split(math.ceil(n / self.batch_size))


def loss_of_batch(loss: Loss, device: torch.device) -> Callable[[nn.Module, Batch], Tensor]:
    """The loss of each example of a batch {"x", "y"}, brought to the module's device: (B,)."""

    def per_example_loss(module: nn.Module, batch: Batch) -> Tensor:
        return loss(module(batch["x"].to(device)), batch["y"].to(device))

    return per_example_loss


class _Looking(Callback):
    """Adds up relative weights (N,) over the second half of the epochs, and keeps an epoch's means."""

    def __init__(self, reweigher: Reweigher, rows: int, plan: Plan) -> None:
        self._reweigher, self._plan, self._epoch = reweigher, plan, 0
        self.counted = range(plan.epochs // 2, plan.epochs)
        self.total = torch.zeros(rows, dtype=torch.float64)
        self.history, self._lines = list[dict[str, float]](), list[dict[str, float]]()

    def on_step(self, step: Step) -> None:
        if self._epoch in self.counted:
            self.total.index_add_(0, step.rows, step.weights.cpu().double() * len(step.rows))
        self._lines.append(_line(self._reweigher, step.losses, step.weights))

    def on_epoch(self, line: dict[str, Any]) -> None:
        self._epoch += 1
        self.history.append(_mean(self._lines))
        self._lines = []
        if self._plan.verbose:
            print(f"epoch {line['epoch']}/{self._plan.epochs}: " + _told(self.history[-1]))


def train(module: nn.Module, reweigher: Reweigher, optimizer: torch.optim.Optimizer, rows: Rows, plan: Plan) -> Trained:
    """Train the module in place.

    Raises:
        NonFinite: if a loss or the clean gradient stops being finite; the sentence names the rows.
    """
    looking = _Looking(reweigher, len(rows), plan)
    module.train()
    with warnings.catch_warnings():
        # The estimator says it itself, and only where the user can do something about it.
        warnings.filterwarnings("ignore", message="the clean gradient has all but vanished")
        fit(Trainer(reweigher, optimizer, batches_of(rows.batch, plan.batches)), range(plan.epochs), [looking])
    weights = looking.total / len(looking.counted)
    weights[_others(len(rows), plan.train)] = 1.0
    vanished_at = int(reweigher.state_dict()["watch"]["vanished_at"])
    return Trained(weights.numpy(), looking.history, vanished_at, reweigher.explain())


def _others(n: int, rows: Tensor) -> Tensor:
    others = torch.ones(n, dtype=torch.bool)
    others[rows] = False
    return others


def _line(reweigher: Reweigher, losses: Tensor, weights: Tensor) -> dict[str, float]:
    report = reweigher.report
    assert report is not None  # since `backward` has just made it
    return {
        "weighted_loss": float((losses * weights).sum()),
        "clean_loss": report.clean_loss,
        "effective_share": report.effective_sample_size / len(weights),
        "zero_share": report.zero_share,
    }


def _mean(lines: list[dict[str, float]]) -> dict[str, float]:
    return {key: float(np.mean([line[key] for line in lines])) for key in lines[0]}


def _told(line: dict[str, float]) -> str:
    return ", ".join(f"{key.replace('_', ' ')} {value:.3f}" for key, value in line.items())
