"""The demo: five ways to learn from digits of which 40 % carry one wrong label, on one schedule.

It answers the newcomer's questions in a minute. Does reweighting help (against plain training)? Or do the clean
images alone do it (clean only; noisy and clean together)? Or does dropping examples at random (random weights)?
All methods make the same number of steps with the same optimizer, batches, learning rates and initial models;
what counts is the test accuracy at the last step, not the best one on the way.
"""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from reweigh.errors import BadInput
from reweigh.rules import L2RW, RandomRectified, Uniform
from reweigh.run.folder.run_folder import make_folder, write_bytes, write_json
from reweigh.run.gallery import Bar, demo_png, distrusted_png
from reweigh.run.job.job import assemble
from reweigh.run.job.loop import run_epoch
from reweigh.run.job.prepare import RunData, prepare
from reweigh.run.job.records import Records, most_distrusted, noise_auroc
from reweigh.settings import Resolved, Settings
from reweigh.settings.usual import resolved

PICTURE, GALLERY, RESULTS = "demo.png", "distrusted.png", "results.json"
SHOWN, STEPS = 10, 1000


@dataclass(frozen=True)
class Method:
    """A row of the demo's table: a rule, and what it trains on ("noisy", "noisy and clean" or "clean")."""

    name: str
    rule: str
    trains_on: str = "noisy"


METHODS = (
    Method("plain training", Uniform.name),
    Method("plain, noisy + clean", Uniform.name, "noisy and clean"),
    Method("clean images only", Uniform.name, "clean"),
    Method("random weights", RandomRectified.name),
    Method("L2RW", L2RW.name),
)
OURS, PLAIN = METHODS[-1], METHODS[0]


@dataclass(frozen=True)
class Outcome:
    """One method at one seed: accuracy at the last step, AUROC of its weights (NaN where they tell nothing)."""

    method: Method
    seed: int
    accuracy: float
    auroc: float
    data: RunData
    records: Records


@dataclass(frozen=True)
class Row:
    """One method over all seeds, as the table shows it; all within [0, 1]."""

    name: str
    accuracy: float
    accuracy_std: float
    auroc: float | None
    auroc_std: float | None


def demo_config(seed: int, *, steps: int = STEPS) -> Resolved:
    """The demo's settings for one seed; plain training has long fitted most wrong labels after these steps."""
    return resolved(Settings.of(dataset="digits", noise="background:0.4", steps=steps, lr=0.05, seed=seed))


def run_demo(seeds: int, *, steps: int = STEPS, on_step: Callable[[Method, int], None] | None = None) -> list[Outcome]:
    """Train all methods for all seeds; `on_step` is called with the method and the seed after every step.

    Raises:
        BadInput: if `seeds` is below 1.
    """
    if seeds < 1:
        raise BadInput(f"seeds is {seeds}: give a number of at least 1")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # networks this small lose more than they gain by sharing their work
    try:
        with torch.random.fork_rng(devices=[]):
            return [
                train(method, demo_config(seed, steps=steps), on_step) for seed in range(seeds) for method in METHODS
            ]
    finally:
        torch.set_num_threads(threads)


def train(method: Method, config: Resolved, on_step: Callable[[Method, int], None] | None = None) -> Outcome:
    """One method at one seed. Its weights are judged by their means over the second half of the epochs."""
    together = method.trains_on == "noisy and clean"
    data = prepare(config.but(keep_clean_in_train=together))
    if method.trains_on == "clean":
        data = data._replace(train=data.clean)
    job = assemble(config.but(rule=method.rule), data)
    line: Mapping[str, Any] = {}
    while job.epochs_done < job.epochs:
        if job.epochs_done == job.epochs // 2:
            job.records = Records(data.train.ids)
        last = job.epochs_done == job.epochs - 1
        line = run_epoch(job, (lambda _: on_step(method, config.student.seed)) if on_step else None, test=last)
    truth = data.truth
    auroc = float("nan") if truth is None else noise_auroc(job.records.mean_weight, truth)
    return Outcome(method, config.student.seed, line["test_accuracy"], auroc, data, job.records)


def table(outcomes: Sequence[Outcome]) -> list[Row]:
    """A row a method: means and standard deviations over the seeds (0 for a single seed)."""
    return [_row(method, [o for o in outcomes if o.method == method]) for method in METHODS]


def write_demo(outcomes: Sequence[Outcome], folder: Path) -> list[Path]:
    """The README's picture, the ten most distrusted images of the first seed, and all numbers as JSON."""
    make_folder(folder)
    ours = next(o for o in outcomes if o.method == OURS)
    rows, train_set = most_distrusted(ours.records, SHOWN), ours.data.train
    bars = [Bar(r.name, r.accuracy, r.accuracy_std, r.name == OURS.name) for r in table(outcomes)]
    share = float(train_set.corrupted[rows].float().mean())
    title = "digits, 40 % of labels flipped to one class"
    write_bytes(folder / PICTURE, demo_png(bars, train_set, rows, share, title))
    write_bytes(folder / GALLERY, distrusted_png(train_set, rows))
    write_json(folder / RESULTS, _numbers(outcomes))
    return [folder / name for name in (PICTURE, GALLERY, RESULTS)]


def wrong_among_shown(outcomes: Sequence[Outcome]) -> int:
    """How many of the ten most distrusted images of the first seed really carry a wrong label."""
    ours = next(o for o in outcomes if o.method == OURS)
    rows: Tensor = most_distrusted(ours.records, SHOWN)
    return int(ours.data.train.corrupted[rows].sum())


def _row(method: Method, outcomes: Sequence[Outcome]) -> Row:
    accuracies, aurocs = [o.accuracy for o in outcomes], [o.auroc for o in outcomes]
    return Row(
        method.name,
        *_mean_and_std(accuracies),
        *(_mean_and_std(aurocs) if not math.isnan(aurocs[0]) else (None, None)),
    )


def _mean_and_std(values: Sequence[float]) -> tuple[float, float]:
    return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else 0.0


def _numbers(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    return {
        "table": [vars(row) for row in table(outcomes)],
        "runs": [
            {"method": o.method.name, "seed": o.seed, "test_accuracy": o.accuracy, "auroc": o.auroc} for o in outcomes
        ],
    }
