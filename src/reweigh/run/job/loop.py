"""What a run does around the one loop: seeds and rows of each epoch, notes of each step, an epoch's line of metrics.

All randomness of an epoch is drawn from seeds made from the run's seed and the epoch, so that an epoch can be repeated
exactly.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor

from reweigh import rng
from reweigh._types import Batch
from reweigh.batches import found_in
from reweigh.data.sampling import seed_for
from reweigh.distributed import weights_over
from reweigh.ledger import Ledger
from reweigh.metrics import effective_sample_size
from reweigh.run import Callback, Step, Trainer, World, fit
from reweigh.run.early import LOSS as VALIDATION_LOSS
from reweigh.run.job.accumulation import together
from reweigh.run.job.augmentation import augmented
from reweigh.run.job.evaluate import mean_loss_on, scores_on
from reweigh.run.job.job import Job
from reweigh.run.job.loss import loss_on
from reweigh.run.job.records import noise_auroc
from reweigh.settings.schedule import learning_rate

OnStep = Callable[[int], None]
"""Called after every step with the number of steps done in the run."""


_MEANS = ("train_loss", "weighted_loss", "clean_loss", "direction_norm", "effective_sample_size", "zero_share")


class Visited(NamedTuple):
    """What is known of a batch once it is weighed: (B,) each, or None, and its mean clean loss."""

    ids: Tensor
    weights: Tensor
    alignments: Tensor | None
    losses: Tensor
    labels: Tensor | None
    clean_loss: float

    def by_all(self, world: World) -> Self:
        """The same of the whole batch, of which each process has a part: in one message, whole numbers by their bits."""
        there = [self.weights.double() / world.size, self.losses.double()]
        clean = torch.full_like(there[0], self.clean_loss / len(self.losses) / world.size)  # its mean over processes
        alignments = [] if self.alignments is None else [self.alignments.double()]
        whole = self.labels is not None and not self.labels.is_floating_point()
        labels = [] if self.labels is None else [_bits(self.labels) if whole else self.labels.double()]
        columns = [_bits(self.ids), *there, clean, *alignments, *labels]
        device = self.weights.device
        ids, weights, losses, clean, *rest = world.gather(torch.stack([c.to(device) for c in columns], 1)).unbind(1)
        return self._replace(
            ids=_whole(ids),
            weights=weights.to(self.weights),
            losses=losses.to(self.losses),
            alignments=rest[0].to(self.alignments) if self.alignments is not None else None,
            labels=None if self.labels is None else _whole(rest[-1]) if whole else rest[-1],
            clean_loss=float(clean.sum()),
        )


def _labels(batch: Batch) -> Tensor | None:
    """A ledger has one label an example, or none."""
    y: Tensor = batch["y"]
    return y if y.ndim == 1 else None


def _bits(numbers: Tensor) -> Tensor:
    return numbers.long().contiguous().view(torch.double)


def _whole(bits: Tensor) -> Tensor:
    return bits.contiguous().view(torch.int64)


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


class Notes(Callback):
    """Notes steps in the job's records, writes them into the `ledger`, and fills in an epoch's line.

    Without `test` its score is None.
    """

    def __init__(self, job: Job, ledger: Ledger | None = None, *, test: bool = True) -> None:
        self.job, self._ledger, self._test = job, ledger, test
        self._means, self._started = Means(), 0.0

    def start(self) -> None:
        """An epoch begins."""
        self._means, self._started = Means(), time.perf_counter()
        self._means.add(**dict.fromkeys(_MEANS))

    def on_step(self, step: Step) -> None:
        """Note weights and losses."""
        report, batch, losses = step.report, step.batch, step.losses
        assert report is not None  # since `backward` has just made it
        labels = found_in(batch, _labels)
        seen = Visited(
            found_in(batch, itemgetter("id")), step.weights, report.alignments, losses, labels, report.clean_loss
        )
        if self.job.world.size > 1:
            seen = seen.by_all(self.job.world)
        if not self.job.world.is_main:
            return
        self.job.records.add(*seen[:5])
        self._means.add(
            train_loss=float(seen.losses.mean()),
            weighted_loss=float((seen.weights * seen.losses).sum()),
            clean_loss=seen.clean_loss,
            direction_norm=report.direction_norm,
            effective_sample_size=effective_sample_size(seen.weights),
            zero_share=float((seen.weights == 0).double().mean()),
        )

    def on_epoch(self, line: dict[str, Any]) -> None:
        """Write the ledger's part of the epoch, ask the model about the test set, and fill in the line."""
        job = self.job
        columns = job.records.end_epoch()
        if self._ledger is not None:
            self._ledger.append(columns)
        job.epochs_done += 1
        seconds = time.perf_counter() - self._started
        tested = job.world.from_main(self._tested() if job.world.is_main else {})
        truth = job.data.truth
        line |= {
            "step": min(job.epochs_done * job.steps_an_epoch, job.steps),
            **self._means.values(),
            **tested,
            "auroc": None if truth is None else noise_auroc(job.records.epoch_weight, truth),
            "seconds": round(seconds, 3),
        }

    def _tested(self) -> dict[str, float | None]:
        """What the model, as it is now, is worth."""
        job, held = self.job, self.job.inputs.held
        tested: dict[str, float | None] = {job.task.score: None}
        if self._test:
            tested = {**scores_on(job.answering, job.inputs.test, job.task, job.device)}
        if held is not None:
            tested[VALIDATION_LOSS] = mean_loss_on(job.student, held, loss_on(job.device, job.task))
        return tested


class Told(Callback):
    """Calls `on_step` after every step, and keeps the lines."""

    def __init__(self, on_step: OnStep | None = None) -> None:
        self._on_step, self.lines = on_step, list[dict[str, Any]]()

    def on_step(self, step: Step) -> None:
        """Tell of it."""
        if self._on_step is not None:
            self._on_step(step.done)

    def on_epoch(self, line: dict[str, Any]) -> None:
        """Keep it."""
        self.lines.append(line)


def run_epoch(
    job: Job, on_step: OnStep | None = None, *, test: bool = True, ledger: Ledger | None = None
) -> dict[str, Any]:
    """Train for the next epoch and return its line of metrics; without `test` the score is None.

    A `ledger` gets every batch, and its part of the epoch is written.

    Raises:
        NonFinite: if a loss or the clean gradient stops being a finite number; the sentence names the examples.
    """
    told = Told(on_step)
    train(job, Notes(job, ledger, test=test), [told], epochs=1)
    return told.lines[0]


def train(job: Job, notes: Notes, callbacks: Sequence[Callback], *, epochs: int | None = None) -> None:
    """Go on with the job for so many epochs, or to its end; `notes` come first, so that the others see whole lines.

    Raises:
        NonFinite: as `run_epoch`.
    """
    student, done = job.config.student, job.epochs_done

    def single(epoch: int) -> Iterator[tuple[Tensor, Batch]]:
        own = [job.world.rank] if job.world.rank else []
        # crops, dropout, whatever a model draws
        rng.seed_torch(seed_for(student.seed, "epoch", epoch, *own), [job.device])
        job.model.train()
        notes.start()
        sampling = job.rule.sampling_weights(job.data.train.y)
        most = job.steps - epoch * job.steps_an_epoch
        for rows, batch, _ in job.loader.epoch(epoch, sampling=sampling, thinned=job.rule.thins, most=most):
            yield rows, batch | {"x": augmented(batch["x"], student.augment)}

    def batches(epoch: int) -> Iterator[tuple[Tensor, Batch]]:
        most = student.accumulate_tokens
        return single(epoch) if most is None else together(single(epoch), job.task, most)

    def rate(step: int) -> float:
        return learning_rate(student.schedule, student.lr, step, job.steps, student.lr_warm_up)

    steps = done * job.steps_an_epoch
    trainer = Trainer(job.reweigher, job.optimizer, batches, rate, scale=job.scale, done=steps)
    last = done if job.stopped else job.epochs if epochs is None else done + epochs
    mean = [] if job.mean is None else [job.mean]  # first, since notes ask it
    fit(trainer, range(done, last), [*mean, notes, *callbacks])


def train_along(job: Job, notes: Notes, callbacks: Sequence[Callback] = (), last: Sequence[Callback] = ()) -> None:
    """Train to the end; what chooses the epoch is told before the `last`. The caller's random state stays as it is.

    Raises:
        NonFinite: as `run_epoch`.
    """
    early = [job.early] if job.early else []
    generators = torch.random.fork_rng(devices=[job.device] if job.device.type == "cuda" else [])
    with generators, weights_over(job.config.weights.normalise_over):
        train(job, notes, [*callbacks, *early, *last])
