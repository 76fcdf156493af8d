"""What cheaper clean directions cost in accuracy: L2RW with exact weights, and with each way of saving, on noisy labels.

    python recipes/fast_preset.py                                   # some 40 minutes on one core; prints the tables
    python recipes/fast_preset.py --warm-up 50 --options exact fast --seeds 2

The tasks, the model (LeNet), the schedule and the batches are those of `recipes/noisy_labels.py`: MNIST at 14x14 pixels,
2,000 images, 100 clean ones, 400 steps of 100; the learning rate falls to a tenth after 200 and 300. "exact" compares every
batch with the gradient of 50 clean examples, taken at that step; "fast", the preset, does so along the last two layers of
five. `--warm-up` steps of plain training come first: without them L2RW may collapse on this cold network without
normalisation, and with 200 the high learning rate is over.

The error is that of the LAST step; mean ± standard deviation (n − 1) over the seeds, and beside it the mean of the
differences to "exact" with the same seed, ± its standard error. A finished run is a line of `--runs`/results.jsonl.
"""

import argparse
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import noisy_labels
from reweigh.errors import ReweighError
from reweigh.run.job.evaluate import accuracy
from reweigh.run.job.records import noise_auroc
from runs import Results, as_markdown, cell, read_results, run_all, show, write_pages

TASKS = ("mnist-pair-40", "mnist-uniform-40", "mnist-background-40")


def in_bfloat16(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
    """The training pass, the clean pass and the alignments under autocast."""
    with torch.autocast("cpu", torch.bfloat16):
        return noisy_labels.per_example_loss(model, batch)


OPTIONS: dict[str, dict[str, Any]] = {
    "exact": {},
    "fast": {"preset": "fast"},
    "16 clean examples": {"clean_batch_size": 16, "skip_zeros": True},
    "32 clean examples": {"clean_batch_size": 32},
    "a direction kept for 5 steps": {"clean_every": 5},
    "directions averaged, 0.9": {"clean_average": 0.9},
    "16 clean examples, directions averaged, 0.9": {"clean_batch_size": 16, "skip_zeros": True, "clean_average": 0.9},
    "last layer": {"layers": ["output"]},
    "fast, 16 clean examples": {"preset": "fast", "clean_batch_size": 16},
    "bfloat16": {"loss": in_bfloat16},
}
"""What the Reweigher is given beside the recipe's own settings."""
TRIED = {
    50: tuple(OPTIONS),
    200: (
        "exact",
        "16 clean examples",
        "a direction kept for 5 steps",
        "directions averaged, 0.9",
        "16 clean examples, directions averaged, 0.9",
    ),
    0: ("exact", "16 clean examples"),
}
"""By the number of plain steps before."""


@dataclass(frozen=True)
class Job:
    """One training run; its fields are the key under which its result is kept."""

    task: str
    option: str
    seed: int
    steps: int
    warm_up: int


def run(job: Job) -> dict[str, Any]:
    """Train and test: the line of the results file."""
    as_usual = noisy_labels.Job(job.task, "l2rw", job.seed, job.steps, 0.003)
    data = noisy_labels.images_of(as_usual, noisy_labels._root)
    start = time.perf_counter()
    model, records, _ = noisy_labels.train(as_usual, data, warm_up=job.warm_up, **OPTIONS[job.option])
    seconds = time.perf_counter() - start
    error = 100 * (1 - accuracy(model, data.test, torch.device("cpu")))
    auroc = None if data.wrong is None else noise_auroc(records.mean_weight, data.wrong)
    return {**asdict(job), "error": error, "auroc": auroc, "seconds": seconds}


def table(jobs: Sequence[Job], results: Results[Job]) -> list[list[str]]:
    """A row an option, a column a task: the error, and the difference to "exact" seed by seed."""
    tasks = list(dict.fromkeys(job.task for job in jobs))
    rows = [["test error in %, mean ± std (runs); difference to exact", *tasks, "all: difference"]]
    for option in dict.fromkeys(job.option for job in jobs):
        of_option = [job for job in jobs if job.option == option and job in results]
        cells, every = [], []
        for task in tasks:
            here = [job for job in of_option if job.task == task]
            apart = [d for job in here if (d := difference(job, results)) is not None]
            every += apart
            cells.append(cell([results[job]["error"] for job in here]) + said(apart, option))
        rows.append([option, *cells, said(every, option).removeprefix("; ") or "–"])
    return rows


def difference(job: Job, results: Results[Job]) -> float | None:
    """This run's error less that of the exact run with the same task and seed, in points."""
    exact = results.get(replace(job, option="exact"))
    return None if exact is None else results[job]["error"] - exact["error"]


def said(apart: Sequence[float], option: str) -> str:
    """Mean difference and its standard error."""
    if option == "exact" or len(apart) < 2:
        return ""
    return f"; {statistics.fmean(apart):+.2f} ± {statistics.stdev(apart) / len(apart) ** 0.5:.2f}"


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="What cheaper clean directions cost in accuracy.")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=TASKS, metavar="TASK")
    parser.add_argument("--options", nargs="+", choices=OPTIONS, default=list(OPTIONS), metavar="OPTION")
    parser.add_argument("--warm-up", nargs="+", type=int, choices=TRIED, default=list(TRIED), metavar="STEPS")
    parser.add_argument("--seeds", type=int, default=5, help="how many seeds, from 0 (default 5)")
    parser.add_argument("--steps", type=int, default=noisy_labels.STEPS)
    parser.add_argument("--jobs", type=int, default=1, help="processes, one thread each")
    parser.add_argument("--data-root", help="where the data lie (default: REWEIGH_DATA, or a cache folder)")
    parser.add_argument("--runs", type=Path, default=Path("docs/results/fast_preset"), help="folder of the results")
    parser.add_argument("--output", type=Path, help="a Markdown file for the table")
    options = parser.parse_args(arguments)
    if min(options.seeds, options.steps, options.jobs) < 1:
        parser.error("--seeds, --steps and --jobs must be at least 1")
    return options


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    jobs = [
        Job(task, option, seed, options.steps, warm_up)
        for seed in range(options.seeds)
        for warm_up in options.warm_up
        for option in options.options
        for task in options.tasks
        if option in TRIED[warm_up]
    ]
    path = options.runs / "results.jsonl"
    try:
        prepared_with = (options.data_root,)
        run_all(
            jobs, path, run, noisy_labels.prepare, prepared_with, options.jobs, ("task", "option", "warm_up", "seed")
        )
    except ReweighError as error:
        raise SystemExit(f"error: {error}") from error
    results, pages = read_results(path, Job), []
    for warm_up in options.warm_up:
        rows = table([job for job in jobs if job.warm_up == warm_up], results)
        show(rows, f"L2RW, exact and cheaper, after {warm_up} plain steps")
        pages.append(f"After {warm_up} plain steps:\n\n{as_markdown(rows)}")
    write_pages(options.output, *pages)


if __name__ == "__main__":
    main()
