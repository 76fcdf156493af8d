"""How a step's cost grows with the batch, the clean batch, the depth and the length of the sequences.

    python -m benchmarks.growth                                        # three minutes or so on two idle cores
    python -m benchmarks.growth --axes batch depth --device cuda --dtype bf16
    python -m benchmarks.plots                                         # docs/images/growth.png

Each point is a table of `benchmarks.step_cost` with few variants: time by that of a plain step at the same size. Batch and
clean batch grow on the ResNet-32 with GroupNorm, depth and length on the Transformer.
"""

import argparse
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from benchmarks.results import Row, add_rows, circumstances
from benchmarks.step_cost import progress, row
from benchmarks.tables import growth as as_markdown
from benchmarks.tasks import Task
from benchmarks.timing import time_task
from benchmarks.variants import VARIANTS

AXES: dict[str, dict[int, Task]] = {
    "batch": {n: Task("resnet32-groupnorm", n, n // 8) for n in (16, 32, 64, 128)},
    "clean batch": {m: Task("resnet32-groupnorm", 64, m) for m in (4, 8, 16, 32, 64)},
    "depth": {layers: Task("transformer", 16, 2, layers=layers) for layers in (1, 2, 4, 8)},
    "length": {length: Task("transformer", 16, 2, length=length) for length in (32, 64, 128, 256)},
}
USUAL = ("plain", "ghost, fused", "forward, fused", "finite, apart", "by hand (create_graph)")


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    torch.set_num_threads(options.threads)
    for axis in options.axes:
        rows = [found for size, task in AXES[axis].items() for found in measure(axis, size, task, options)]
        print(f"{as_markdown(rows)}\n", flush=True)
        if options.output:
            add_rows(options.output, rows)


def measure(axis: str, size: int, task: Task, options: argparse.Namespace) -> list[Row]:
    """The rows of one point."""
    task = replace(task, device=options.device, dtype=options.dtype)
    facts = circumstances(options.rounds, options.threads, options.device)
    names = ["plain", *(name for name in options.variants if name != "plain")]
    timings = time_task(task, names, options.rounds, progress)
    common = {"axis": axis, "size": size, "circumstances": facts}
    found = [row(task, name, timings[name], None) | common for name in names if timings[name].failure is None]
    return [{**one, "task": f"{axis} {size}: {one['task']}"} for one in found]


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description="How a step's cost grows.")
    parser.add_argument("--axes", nargs="+", choices=AXES, default=list(AXES), metavar="AXIS", help=", ".join(AXES))
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=USUAL, metavar="VARIANT")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--output", type=Path, help="a JSON file to write, such as docs/results/growth.json")
    options = parser.parse_args(arguments)
    if options.rounds < 1 or options.threads < 1:
        parser.error("--rounds and --threads must be at least 1")
    return options


if __name__ == "__main__":
    main()
