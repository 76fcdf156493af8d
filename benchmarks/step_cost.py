"""What a reweighted training step costs, against a plain one: time, memory, and how exact the weights are.

    python -m benchmarks.step_cost                                  # ten minutes or so on two idle cores
    python -m benchmarks.step_cost --models resnet32 --rounds 9     # one model, more rounds
    python -m benchmarks.step_cost --output docs/step_cost.md

Time: `benchmarks/timing.py`. Memory: `benchmarks/memory.py`. The rows of `higher` and TorchOpt need
`pip install 'reweigh[peers]'`.
"""

import argparse
import os
import platform
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from benchmarks.memory import measure
from benchmarks.tasks import MODELS, TASKS, Task
from benchmarks.timing import Timing, time_task
from benchmarks.variants import VARIANTS
from reweigh.storage import write_bytes

COLUMNS = (
    "variant",
    "time / plain: median (lowest to highest)",
    "ms a step",
    "peak memory / plain",
    "cosine",
    "max abs error",
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what the command line asks for, print the tables, write them where wanted."""
    options = parse(arguments)
    torch.set_num_threads(options.threads)
    names = ["plain", *(name for name in options.variants if name != "plain")]
    parts = [heading(options.rounds, options.threads)]
    print(f"{parts[0]}\n", flush=True)
    for task in TASKS:
        if task.model in options.models:
            parts.append(measure_task(task, names, options))
            print(f"{parts[-1]}\n", flush=True)
            if options.output:  # after every task, so that an interrupted run leaves what it has
                options.output.parent.mkdir(parents=True, exist_ok=True)
                write_bytes(options.output, ("\n\n".join(parts) + "\n").encode())


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line as a namespace."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.step_cost", description="The cost of a reweighted training step."
    )
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS), metavar="MODEL")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS), metavar="VARIANT")
    parser.add_argument("--rounds", type=int, default=3, help="timed rounds a task (default 3)")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="threads (default: all cores)")
    parser.add_argument("--no-memory", action="store_true", help="leave out the memory measurement")
    parser.add_argument("--output", type=Path, help="a Markdown file to write")
    options = parser.parse_args(arguments)
    if options.rounds < 1 or options.threads < 1:
        parser.error("--rounds and --threads must be at least 1")
    return options


def measure_task(task: Task, names: Sequence[str], options: argparse.Namespace) -> str:
    """The task's table, as Markdown."""
    timings = time_task(task, names, options.rounds, progress)
    peaks: dict[str, int | None] = {}
    for name in names:
        if not options.no_memory and timings[name].failure is None:
            progress(f"{task.title}: memory of {name}")
            peaks[name] = measure(task, name, options.threads)
    progress("")
    rows = [row(name, timings[name], peaks.get(name), peaks.get("plain")) for name in names]
    return "\n".join([f"### {task.title}", "", line(COLUMNS), "|---" * len(COLUMNS) + "|", *rows])


def row(name: str, timing: Timing, peak: int | None, plain: int | None) -> str:
    """One line of the table; what was not measured is a dash."""
    if timing.failure is not None:
        return line((name, f"failed: {timing.failure}", *[""] * (len(COLUMNS) - 2)))
    low, median, high = timing.spread
    return line(
        (
            name,
            f"{median:.2f} ({low:.2f} to {high:.2f})",
            f"{1000 * timing.median_seconds:.0f}",
            f"{peak / plain:.2f} ({peak / 2**20:.0f} MiB)" if peak and plain else "–",
            "–" if timing.cosine is None else f"{timing.cosine:.6f}",
            "–" if timing.error is None else f"{timing.error:.1e}",
        )
    )


def line(cells: Sequence[str]) -> str:
    """One line of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def heading(rounds: int, threads: int) -> str:
    """Where and with what the numbers were taken."""
    packages = ", ".join(f"{name} {installed(name)}" for name in ("torch", "reweigh", "higher", "torchopt"))
    return (
        f"Measured {datetime.now(UTC):%Y-%m-%d} on {processor()}, {threads} threads, Python "
        f"{platform.python_version()}, {packages}; {rounds} interleaved rounds; n + m are training and clean "
        f"examples a step; load average before the start {os.getloadavg()[0]:.1f}. Cosine and error compare "
        "the weights with double backward in float64."
    )


def installed(package: str) -> str:
    """The installed version of a package, or "not installed"."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def processor() -> str:
    """The processor's name, as far as the system tells it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return f"{line.partition(':')[2].strip()} ({os.cpu_count()} cores)"
    return platform.processor() or platform.machine()


def progress(text: str) -> None:
    """Say on the error stream, on one line, what is being measured."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
