"""MNIST 4 against 9, lopsided up to 200 to 1: the first experiment of Ren et al. 2018 (arXiv 1803.09050, section 4.1).

Measured (2 cores of an AMD EPYC, torch 2.13.0, November 2026): with 1,000 steps for every method, 200:1, released variant,
5 seeds each, a test error of 3.72 ± 1.71 % for L2RW, 4.88 ± 1.23 for proportion, 6.76 ± 2.04 for resampling, 12.16 ± 1.25
for hard mining, 50.00 ± 0.00 for plain training and for random weights. At full length no table has been measured yet.

    python recipes/mnist_imbalance.py                                        # everything; hours on two cores
    python recipes/mnist_imbalance.py --variant released --ratio 200 --jobs 2
    python recipes/mnist_imbalance.py --steps 500 --seeds 1                  # a look; no result of the paper

5,000 images of 4 and 9, where 9 dominates; ten images, five of each class, are the clean set, and all ten are
used at every step. A LeNet with one logit, sigmoid cross-entropy, batches of 100, test error at the LAST step,
mean ± standard deviation (n - 1) over the seeds. Every finished run is a line of `--runs`/results.jsonl, so
an interrupted table goes on where it stopped; the seeds are the outermost loop, so it is even at any time.

Two variants, because the paper and its released code (commit 0b616c9) differ:

                        paper                                  released
    optimizer           SGD 1e-3                               SGD 1e-3, momentum 0.9
    steps               8,000                                  L2RW 4,000, the others 8,000
    minority at r:1     round(5000/(1 + r)), 25 at 200:1       floor(5000/r), 25 at 200:1
    the clean images    stay in the training set               L2RW: taken out of it; the others train on them
    proportion          N/(2 N_class) / batch size             1 - 1/r for a 4, 1/r for a 9, and the SUM
    hard mining         batch 100                              batch 500
    test set            every 4 and 9 of the test images       250 + 250 of the test images

Readings of ours. Proportion as the paper has it sums to one on average over batches, not within each batch. Hard
mining goes by each example's own loss; the released code meant that but sorted one and the same mean loss. Resampling
is not in the released code and is run with its optimizer and steps. The released learning rate schedule is never
applied there, and so not here.
"""

import argparse
import math
import os
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reweigh import L2RW, Reweigher
from reweigh.data import Examples, Splits, clean_split, load, two_class
from reweigh.errors import ReweighError
from reweigh.models import build
from reweigh.rules import ClassProportion, ClassResampling, Evidence, HardMining, RandomRectified, Rule, Uniform
from reweigh.run import Trainer, batches_of, fit
from runs import as_markdown, cell, one_thread, read_results, run_all, show, write_pages

FOUR, NINE = 0, 1  # the labels here: 4 is the minority, 9 the majority
METHODS = ("plain", "proportion", "resampling", "hard-mining", "random", "l2rw")
SPARSE = frozenset({"hard-mining", "l2rw"})  # the methods that give many examples the weight zero
VARIANTS = ("paper", "released")
CLEAN_PER_CLASS, LEARNING_RATE, BATCH = 5, 1e-3, 100


@dataclass(frozen=True)
class Job:
    """One training run; its fields are the key under which its result is kept. `steps=0`: as the variant has it."""

    variant: str
    ratio: float
    method: str
    seed: int
    steps: int
    images: int

    @property
    def released(self) -> bool:
        return self.variant == "released"

    @property
    def batch_size(self) -> int:
        return 500 if self.released and self.method == "hard-mining" else BATCH

    @property
    def steps_to_take(self) -> int:
        return self.steps or (4000 if self.released and self.method == "l2rw" else 8000)


class ByClass(Rule):
    """Proportion as released: a fixed weight a class, (C,), and the sum over the batch."""

    name = "proportion"

    def __init__(self, weights: Tensor) -> None:
        self._weights = weights

    def weigh(self, evidence: Evidence) -> Tensor:
        return self._weights.to(evidence.like)[evidence.labels]


# ---- the data


def fours_and_nines(examples: Examples) -> Examples:
    """The 4s and 9s of MNIST, relabelled 0 and 1."""
    kept = examples.select((examples.y == 4) | (examples.y == 9))
    return Examples(kept.x, (kept.y == 9).long(), kept.ids, ("4", "9"))


def lopsided(job: Job, pool: Examples) -> tuple[Examples, Examples]:
    """The training set and the clean set of a run, drawn by its seed."""
    if job.released:
        few = math.floor(job.images / job.ratio)
        rows = two_class(pool.y, NINE, FOUR, job.seed, counts=(job.images - few, few))
    else:
        rows = two_class(pool.y, NINE, FOUR, job.seed, total=job.images, ratio=job.ratio)
    chosen = pool.select(rows)
    keep = not (job.released and job.method == "l2rw")
    split = clean_split(chosen.y, CLEAN_PER_CLASS, job.seed, keep_in_train=keep)
    return chosen.select(split.train), chosen.select(split.clean)


def tested_on(job: Job, test: Examples) -> Examples:
    """Every 4 and 9 of the test images, or 250 of each, drawn by the seed."""
    if not job.released:
        return test
    return test.select(two_class(test.y, NINE, FOUR, job.seed, counts=(250, 250)))


def row_batches(job: Job, rule: Rule, labels: Tensor) -> Iterator[Tensor]:
    """Rows (B,) without end: one shuffled epoch after another, or drawn as the rule wants."""
    generator = torch.Generator().manual_seed(job.seed)
    chances = rule.sampling_weights(labels)
    left = torch.empty(0, dtype=torch.int64)
    while True:
        if chances is not None:
            yield torch.multinomial(chances, job.batch_size, replacement=True, generator=generator)
            continue
        while len(left) < job.batch_size:
            left = torch.cat([left, torch.randperm(len(labels), generator=generator)])
        yield left[: job.batch_size]
        left = left[job.batch_size :]


# ---- one run


def per_example_loss(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
    """Sigmoid cross-entropy (B,) of the one logit."""
    logits = model(batch["x"]).squeeze(1)
    return F.binary_cross_entropy_with_logits(logits, batch["y"].to(logits.dtype), reduction="none")


def make_rule(job: Job, labels: Tensor) -> Rule:
    """The method's rule for a training set with these labels (N,)."""
    if job.method == "proportion":
        released = ByClass(torch.tensor([1 - 1 / job.ratio, 1 / job.ratio]))
        return released if job.released else ClassProportion(torch.bincount(labels, minlength=2))
    rules: dict[str, Rule] = {
        "plain": Uniform(),
        "resampling": ClassResampling(),
        "hard-mining": HardMining(majority=NINE),
        "random": RandomRectified(seed=job.seed),
        "l2rw": L2RW(),
    }
    return rules[job.method]


def train(job: Job, train_set: Examples, clean: Examples) -> nn.Module:
    """The model after the last step."""
    shape = tuple(train_set.x.shape[1:])
    model = build("lenet", input_shape=shape, classes=1, seed=job.seed)
    # A third faster on a CPU, otherwise the same.
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    rule = make_rule(job, train_set.y)
    optimizer = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE, momentum=0.9 if job.released else 0.0)
    reweigher = Reweigher(model, per_example_loss, rule=rule, clean=clean.batch(torch.arange(len(clean))))
    batches = row_batches(job, rule, train_set.y)
    backward = partial(sparse_backward, reweigher, model) if job.method in SPARSE else None
    steps = batches_of(train_set.batch, lambda _: islice(batches, job.steps_to_take))
    trainer = Trainer(reweigher, optimizer, steps, None, backward)
    fit(trainer, range(1))
    return model


def sparse_backward(reweigher: Reweigher, model: nn.Module, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Add the gradient of the weighted loss to `.grad`; the losses are those of the examples with a weight."""
    # LeNet keeps examples apart, so those of weight zero may be left out of the weighted pass: the same
    # gradient as `reweigher.backward` gives, for less. One stays where all are zero, so that momentum goes on.
    weights = reweigher.weigh(batch)
    kept = weights.nonzero().squeeze(1) if weights.any() else torch.arange(1)
    losses = per_example_loss(model, {"x": batch["x"][kept], "y": batch["y"][kept]})
    torch.autograd.backward(losses, weights[kept])
    return losses.detach(), weights


@torch.no_grad()
def errors(model: nn.Module, test: Examples) -> dict[str, float]:
    """Test error in percent: over all images, and over those of each class."""
    model.eval()
    wrong = torch.cat([(model(x).squeeze(1) > 0).long() for x in torch.split(test.x, 500)]) != test.y
    share = {"error": wrong, "error_4": wrong[test.y == FOUR], "error_9": wrong[test.y == NINE]}
    return {name: 100 * part.double().mean().item() for name, part in share.items()}


_data: Splits | None = None  # of this process


def prepare(root: str | None) -> None:
    """Read the data once a process, and keep the process to one thread."""
    global _data
    one_thread()
    # Ten clean images are soon fitted; the paper trains on regardless, and so does this.
    warnings.filterwarnings("ignore", message="the clean gradient has all but vanished")
    splits = load("mnist", root)
    _data = Splits(fours_and_nines(splits.train), fours_and_nines(splits.test))


def run(job: Job) -> dict[str, Any]:
    """Train and test: the line of the results file."""
    assert _data is not None, "prepare() comes first"
    start = time.perf_counter()
    model = train(job, *lopsided(job, _data.train))
    return {**asdict(job), **errors(model, tested_on(job, _data.test)), "seconds": time.perf_counter() - start}


# ---- the table


def table(jobs: Sequence[Job], results: dict[Job, dict[str, Any]]) -> list[list[str]]:
    """A header and one row a method; a column a variant and ratio, in the order of the jobs."""
    columns = list(dict.fromkeys((job.variant, job.ratio) for job in jobs))
    rows = [["test error in %, mean ± std (runs)", *(f"{variant}, {ratio:g}:1" for variant, ratio in columns)]]
    for method in dict.fromkeys(job.method for job in jobs):
        of_method = [job for job in jobs if job.method == method and job in results]
        found = [[results[j]["error"] for j in of_method if (j.variant, j.ratio) == c] for c in columns]
        rows.append([method, *map(cell, found)])
    return rows


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="MNIST 4 against 9, lopsided: L2RW and its baselines.")
    parser.add_argument("--variant", nargs="+", choices=VARIANTS, default=VARIANTS)
    parser.add_argument("--ratio", nargs="+", type=float, default=[200.0, 20.0], help="majority to one")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument("--seeds", type=int, default=5, help="how many seeds, from 0 (default 5)")
    parser.add_argument("--steps", type=int, default=0, help="steps of every run (default: the variant's own)")
    parser.add_argument("--images", type=int, default=5000, help="training images (default 5000)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes, one thread each")
    parser.add_argument("--data-root", help="where MNIST/raw lies (default: REWEIGH_DATA, or a cache folder)")
    parser.add_argument("--runs", type=Path, default=Path("runs/mnist_imbalance"), help="folder of the results")
    parser.add_argument("--output", type=Path, help="a Markdown file for the table")
    options = parser.parse_args(arguments)
    for name, least in (("seeds", 1), ("steps", 0), ("images", 1), ("jobs", 1)):
        if getattr(options, name) < least:
            parser.error(f"--{name} must be at least {least}")
    if min(options.ratio) <= 1:
        parser.error("--ratio must be more than 1, such as 200")
    return options


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    jobs = [
        Job(variant, ratio, method, seed, options.steps, options.images)
        for seed in range(options.seeds)
        for variant in options.variant
        for ratio in options.ratio
        for method in options.methods
    ]
    path = options.runs / "results.jsonl"
    try:
        run_all(jobs, path, run, prepare, (options.data_root,), options.jobs, ("variant", "ratio", "method", "seed"))
    except ReweighError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from error
    rows = table(jobs, read_results(path, Job))
    show(rows, "MNIST 4 against 9, test error at the last step")
    write_pages(options.output, as_markdown(rows))


if __name__ == "__main__":
    main()
