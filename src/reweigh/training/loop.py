"""One epoch: for each batch, weigh, step, note.

The loop is the one that the README shows, with the learning rate set at each step and the weights noted for
each example. All randomness of an epoch is drawn from seeds made from the run's seed and the epoch, so that an
epoch can be repeated exactly.
"""

import math
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from reweigh.ledger import Ledger
from reweigh.training.augmentation import augmented
from reweigh.training.config import known
from reweigh.training.evaluate import scores_on
from reweigh.training.job import Job
from reweigh.training.records import noise_auroc
from reweigh.training.schedule import batches, epoch_order, learning_rate, seed_for

OnStep = Callable[[int], None]
"""Called after every step with the number of steps done in the run."""


class Means:
    """Means of named numbers over the steps of an epoch, over the steps where they are known."""

    def __init__(self) -> None:
        self._sums: dict[str, float] = {}
        self._counts: dict[str, int] = {}

    def add(self, **values: float | None) -> None:
        """Note one step's values; None and NaN mean "not known at this step"."""
        for name, value in values.items():
            known = value is not None and not math.isnan(value)
            self._sums[name] = self._sums.get(name, 0.0) + (value if known and value is not None else 0.0)
            self._counts[name] = self._counts.get(name, 0) + known

    def values(self) -> dict[str, float | None]:
        """The means; None where a number was never known."""
        return {name: self._sums[name] / n if n else None for name, n in self._counts.items()}


def run_epoch(
    job: Job, on_step: OnStep | None = None, *, test: bool = True, ledger: Ledger | None = None
) -> dict[str, Any]:
    """Train for the next epoch and return its line of metrics; without `test` the score is None.

    A `ledger` gets every batch, and its part of the epoch is written.

    Raises:
        NonFinite: if a loss or the clean gradient stops being a finite number; the sentence names the examples.
    """
    epoch, started, means = job.epochs_done, time.perf_counter(), Means()
    first = epoch * job.steps_an_epoch
    config = job.config
    torch.manual_seed(seed_for(config.seed, "epoch", epoch))  # crops, dropout, whatever a model draws
    job.model.train()
    job.records.start_epoch()
    order = epoch_order(len(job.data.train), seed=config.seed, epoch=epoch, sampling=_sampling(job))
    for step, rows in enumerate(batches(order, known(config.batch_size))[: job.steps - first], start=first):
        _train_step(job, step, rows, means, ledger)
        if on_step is not None:
            on_step(step + 1)
    if ledger is not None:
        ledger.end_epoch()
    job.epochs_done = epoch + 1
    seconds = time.perf_counter() - started
    tested: dict[str, float | None] = {job.task.score: None}
    if test:
        tested = {**scores_on(job.student, job.inputs.test, job.task, job.device)}
    return _line(job, means, tested, seconds)


def _train_step(job: Job, step: int, rows: Tensor, means: Means, ledger: Ledger | None) -> None:
    config = job.config
    lr = learning_rate(known(config.schedule), known(config.lr), step, job.steps)
    for group in job.optimizer.param_groups:
        group["lr"] = lr
    batch = job.inputs.train.batch(rows)
    batch["x"] = augmented(batch["x"], known(config.augment))
    job.optimizer.zero_grad()
    losses, weights = job.reweigher.backward(batch)
    job.optimizer.step()
    job.reweigher.after_step()
    report = job.reweigher.report
    assert report is not None  # since `backward` has just made it
    job.records.add(rows, weights, report.alignments)
    if ledger is not None:
        labels = batch["y"] if batch["y"].ndim == 1 else None  # a ledger has one label an example
        ledger.add(batch["id"], weights, report.alignments, losses, labels)
    means.add(
        train_loss=float(losses.mean()),
        weighted_loss=float((weights * losses).sum()),
        clean_loss=report.clean_loss,
        direction_norm=report.direction_norm,
        effective_sample_size=report.effective_sample_size,
        zero_share=report.zero_share,
    )


def _sampling(job: Job) -> Tensor | None:
    return job.rule.sampling_weights(job.data.train.y)


def _line(job: Job, means: Means, tested: dict[str, float | None], seconds: float) -> dict[str, Any]:
    truth = job.data.truth
    return {
        "epoch": job.epochs_done,
        "step": min(job.epochs_done * job.steps_an_epoch, job.steps),
        **means.values(),
        **tested,
        "auroc": None if truth is None else noise_auroc(job.records.epoch_weight, truth),
        "seconds": round(seconds, 3),
    }
