"""Is this tree slower than another one? Steps of both, by turns, on the same machine in the same minutes.

    git worktree add --detach ../before 31e3cc2
    python -m benchmarks.against ../before                                        # some 35 minutes
    python -m benchmarks.against ../before --models lenet --variants "ghost, fused" --pairs 80
    python -m benchmarks.against ../before --count                                # not timed but counted: two minutes

A process a tree, with its `src` first on the path, prepares one variant, leaves the checks at the steps 1, 2, 4, ... behind,
and waits to be asked; they are asked by turns for a burst of steps, and the other one sleeps meanwhile. What counts is the
ratio of a pair's two bursts in seconds of CPU time on one thread: by the clock on the wall, on a machine that others share,
the same tree differs from itself by 5 to 20 %. Beside the median of the ratios stands the interval that holds it with 95 %
(order statistics, by the binomial distribution). With `--count` a step with few examples is counted instead
(`benchmarks/work.py`), which is the same at any load.
"""

import argparse
import gc
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from benchmarks.learning import VARIANTS as LEARNING
from benchmarks.tables import line
from benchmarks.tasks import MODELS, TASKS, Task
from benchmarks.variants import VARIANTS
from benchmarks.work import Work
from reweigh.allocator import keep_freed_memory

HERE = Path(__file__).resolve().parents[1]
USUAL = ("ghost, fused", "forward, fused", "finite, apart", "double, fused", "Meta-Weight-Net, K = 1", "teacher, K = 1")
USUAL_MODELS = ("lenet", "resnet32", "resnet32-groupnorm", "transformer")
BURST = 0.2
"""Seconds that a burst should take; at least one step."""
LONGEST, FEWEST = 60, 7
"""Seconds after which no more pairs are begun, once there are so many."""


def main(arguments: Sequence[str] | None = None) -> None:
    """A row a task and variant: this tree's time over the other's."""
    options = parse(arguments)
    if options.worker is not None:
        work(options)
        return
    what = ("operations, other tree", "this / other", "numbers written, this / other")
    what = what if options.count else ("ms a step, other tree", "this / other: median", "95 % interval")
    print(f"{line(('task', 'variant', *what))}\n|---|---|---|---|---|")
    for number, task in enumerate(TASKS):
        if task.model in options.models:
            for variant in options.variants:
                print(line(compared(number, variant, options)), flush=True)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line as a namespace."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.against", description=__doc__.splitlines()[0])
    parser.add_argument("other", type=Path, help="the root of the other tree")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=USUAL_MODELS, metavar="MODEL")
    parser.add_argument("--variants", nargs="+", choices=[*VARIANTS, *LEARNING], default=USUAL, metavar="VARIANT")
    parser.add_argument("--pairs", type=int, default=41, help="bursts of each tree (default 41)")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--count", action="store_true", help="count a step's work instead of timing it")
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def compared(number: int, variant: str, options: argparse.Namespace) -> tuple[str, ...]:
    """The cells of one row."""
    title = TASKS[number].title
    workers = [start(tree, number, variant, options) for tree in (HERE, options.other)]
    try:
        if options.count:
            (ours, written), (theirs, before) = (map(int, answer(worker).split()) for worker in workers)
            return title, variant, f"{theirs:,}", f"{ours / theirs:.3f}", f"{written / before:.4f}"
        lone = [float(answer(worker)) for worker in workers]
        steps = max(1, round(BURST / lone[1]))
        ratios, seconds = [], []
        enough = time.monotonic() + LONGEST
        for pair in range(options.pairs):
            if pair >= FEWEST and time.monotonic() > enough:
                break
            order = workers if pair % 2 else workers[::-1]
            spent = {worker: float(answer(worker, steps)) for worker in order}
            ratios.append(spent[workers[0]] / spent[workers[1]])
            seconds.append(spent[workers[1]])
    except ValueError as failure:
        return title, variant, "", f"failed: {failure}", ""
    finally:
        for worker in workers:
            worker.kill()
    low, high = interval(ratios)
    return (
        title,
        variant,
        f"{statistics.median(seconds) * 1e3:.1f}",
        f"{statistics.median(ratios):.3f}",
        f"{low:.3f} to {high:.3f}",
    )


def start(tree: Path, number: int, variant: str, options: argparse.Namespace) -> subprocess.Popen[str]:
    """A process with the tree's own `reweigh`, and this tree's benchmarks."""
    command = [sys.executable, "-m", "benchmarks.against", str(tree), "--variants", variant]
    command += ["--worker", str(number), "--threads", str(options.threads), *(["--count"] if options.count else [])]
    paths = os.pathsep.join((str(tree.resolve() / "src"), str(HERE)))
    pipe = subprocess.PIPE
    environment = os.environ | {"PYTHONPATH": paths}
    return subprocess.Popen(command, env=environment, text=True, cwd=HERE, stdin=pipe, stdout=pipe)


def answer(worker: "subprocess.Popen[str]", steps: int | None = None) -> str:
    """What the worker says next, asked for so many steps."""
    assert worker.stdin is not None
    assert worker.stdout is not None
    if steps is not None:
        worker.stdin.write(f"{steps}\n")
        worker.stdin.flush()
    return worker.stdout.readline().strip()


def work(options: argparse.Namespace) -> None:
    """A worker's life: prepare, say how long a step takes, then take as many as each line asks for."""
    torch.set_num_threads(options.threads)
    keep_freed_memory()
    if options.count:
        count(TASKS[options.worker], options.variants[0])
        return
    run, steps_a_run = prepared(TASKS[options.worker], options.variants[0])
    for _ in range(4):
        run()
    seconds = timed(run, 1)
    for _ in range(min(60, int(2 / seconds))):
        run()
    print(timed(run, 1), flush=True)
    for asked in sys.stdin:
        if int(asked) > 1:
            run()  # wakes threads and caches
        print(timed(run, math.ceil(int(asked) / steps_a_run)) / steps_a_run, flush=True)


def count(task: Task, variant: str) -> None:
    """The work of a step with 8 examples, after those with a check."""
    run, _ = prepared(replace(task, n=8, m=8 if task.m == task.n else 1), variant)
    for _ in range(2):
        run()
    with Work() as work:
        run()
    print(work.operations, work.numbers, flush=True)


def prepared(task: Task, variant: str) -> tuple[Callable[[], object], int]:
    """What takes some training steps when it is called, and how many."""
    if variant in LEARNING:
        learner = LEARNING[variant](task)
        return learner.run, learner.steps
    return VARIANTS[variant](task), 1


def timed(run: Callable[[], object], times: int) -> float:
    """Seconds of CPU time a call."""
    gc.collect()
    before = time.process_time()
    for _ in range(times):
        run()
    return (time.process_time() - before) / times


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Of what the median lies between with 95 %: the k-th lowest and the k-th highest value."""
    ordered, n = sorted(values), len(values)
    k, tail = 0, 0.5**n
    while k + 1 < n / 2 and tail + math.comb(n, k + 1) * 0.5**n <= 0.025:
        k += 1
        tail += math.comb(n, k) * 0.5**n
    return ordered[k], ordered[n - 1 - k]


if __name__ == "__main__":
    main()
