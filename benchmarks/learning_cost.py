"""What a student's step costs under a rule that learns, against a plain one.

    python -m benchmarks.learning_cost                                # ResNet-32 with 100 + 12 and a Transformer with 32 + 4
    python -m benchmarks.learning_cost --models resnet32 --rounds 5

Interleaved: a round runs each variant once (K student steps), and its time by K is divided by the plain step's of the same
round.
The peers need `pip install 'reweigh[peers]'`, Betty `pip install --no-deps betty-ml`; what is missing is a row that says so.
"""

import argparse
import gc
import os
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from benchmarks.learning import VARIANTS, Variant
from benchmarks.results import circumstances, told
from benchmarks.tables import line
from benchmarks.tasks import Task
from reweigh.storage import write_bytes

TASKS = (Task("resnet32", 100, 12), Task("transformer", 32, 4))


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print and, where wanted, write the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.learning_cost", description=__doc__)
    names = [task.model for task in TASKS]
    parser.add_argument("--models", nargs="+", choices=names, default=names)
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS), metavar="VARIANT")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    parts = [told(circumstances(options.rounds, options.threads))]
    for task in TASKS:
        if task.model in options.models:
            parts.append(table(task, ["plain", *(v for v in options.variants if v != "plain")], options.rounds))
    print("\n\n".join(parts))
    if options.output:
        write_bytes(options.output, ("\n\n".join(parts) + "\n").encode())


def table(task: Task, names: Sequence[str], rounds: int) -> str:
    """A row a variant: time of one student step over a plain one, and in milliseconds."""
    variants, failures = {}, {}
    for name in names:
        try:
            variants[name] = VARIANTS[name](task)
            variants[name].run()
        except Exception as failure:  # a peer that is missing or cannot do a model is a row, not the end
            variants.pop(name, None)
            failures[name] = f"{type(failure).__name__}: {str(failure).splitlines()[0]}"
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(rounds):
        for name, variant in variants.items():
            seconds[name].append(timed(variant))
    rows = [
        f"### {task.title}",
        "",
        line(("variant", "time / plain: median (lowest to highest)", "ms a step")),
        "|---|---|---|",
    ]
    for name in names:
        if name in failures:
            rows.append(line((name, f"failed: {failures[name]}", "–")))
            continue
        ratios = [t / p for t, p in zip(seconds[name], seconds["plain"], strict=True)]
        spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        rows.append(line((name, spread, f"{1000 * statistics.median(seconds[name]):.0f}")))
    return "\n".join(rows)


def timed(variant: Variant) -> float:
    """Seconds a student step."""
    gc.collect()
    start = time.perf_counter()
    variant.run()
    return (time.perf_counter() - start) / variant.steps


if __name__ == "__main__":
    main()
