"""What a reweighted training step costs, against a plain one: time, FLOPs, memory, and how exact the weights are.

    python -m benchmarks.step_cost                                  # everything; some 18 minutes on two idle cores
    python -m benchmarks.step_cost --models resnet32 --rounds 9     # one model, more rounds
    python -m benchmarks.step_cost --full --device cuda --dtype bf16
    python -m benchmarks.tables                                     # of docs/results, into docs/performance_tables.md
    python -m benchmarks.plots                                      # and as docs/images/step_cost.png

Time: `benchmarks/timing.py`. Memory: `benchmarks/memory.py`. FLOPs: `benchmarks/flops.py`. The rows of `higher` and TorchOpt
need `pip install 'reweigh[peers]'`, Betty's `pip install --no-deps betty-ml`; what is missing is a row that says so.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from benchmarks.memory import measure
from benchmarks.results import Row, add_rows, circumstances
from benchmarks.tables import step_cost as as_markdown
from benchmarks.tasks import FULL, MODELS, TASKS, Task
from benchmarks.timing import Timing, time_task
from benchmarks.variants import VARIANTS, floor, usual


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what the command line asks for, print the tables, write the rows where wanted."""
    options = parse(arguments)
    torch.set_num_threads(options.threads)
    for task in TASKS + (FULL if options.full else ()):
        if options.models is None or task.model in options.models:
            task = replace(task, device=options.device, dtype=options.dtype)
            names = ["plain", *(name for name in options.variants or usual(task) if name != "plain")]
            rows = measure_task(task, names, options)
            print(f"{as_markdown(rows)}\n", flush=True)
            if options.output:  # after every task, so that an interrupted run leaves what it has
                add_rows(options.output, rows)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line as a namespace."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.step_cost", description="The cost of a reweighted training step."
    )
    parser.add_argument("--models", nargs="+", choices=MODELS, metavar="MODEL", help=", ".join(MODELS))
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, metavar="VARIANT", help=", ".join(VARIANTS))
    parser.add_argument("--rounds", type=int, default=3, help="timed rounds a task (default 3)")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="threads (default: all cores)")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:1")
    parser.add_argument("--dtype", choices=("fp32", "bf16"), default="fp32", help="bf16: autocast, plain step included")
    parser.add_argument("--full", action="store_true", help="WRN-28-10 and GPT-2 small too, for a GPU")
    parser.add_argument("--no-memory", action="store_true", help="leave out the memory measurement")
    parser.add_argument("--output", type=Path, help="a JSON file to write, such as docs/results/step_cost.json")
    options = parser.parse_args(arguments)
    if options.rounds < 1 or options.threads < 1:
        parser.error("--rounds and --threads must be at least 1")
    full = {task.model for task in FULL}
    options.full = options.full or bool(full & set(options.models or ()))
    return options


def measure_task(task: Task, names: Sequence[str], options: argparse.Namespace) -> list[Row]:
    """The task's rows."""
    facts = circumstances(options.rounds, options.threads, options.device)
    timings = time_task(task, names, options.rounds, progress)
    peaks: dict[str, int | None] = {}
    for name in names:
        if not options.no_memory and timings[name].failure is None:
            progress(f"{task.title}: memory of {name}")
            peaks[name] = measure(task, name, options.threads)
    progress("")
    return [row(task, name, timings[name], peaks.get(name)) | {"circumstances": facts} for name in names]


def row(task: Task, name: str, timing: Timing, peak: int | None) -> Row:
    """What was measured of one variant."""
    failed = timing.failure is not None
    return {
        "task": task.title,
        "variant": name,
        "ratio": None if failed else timing.spread,
        "seconds": None if failed else timing.median_seconds,
        "peak": peak,
        "cosine": timing.cosine,
        "error": timing.error,
        "zeros": timing.zeros,
        "flops": timing.flops,
        "floor": floor(name, task),
        "failure": timing.failure,
    }


def progress(text: str) -> None:
    """Say on the error stream, on one line, what is being measured."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
