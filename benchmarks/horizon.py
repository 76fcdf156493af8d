"""What a horizon of K steps costs: peak memory and time, with snapshots and with exact stepping back.

    python -m benchmarks.horizon

A perceptron of 1.9 million parameters (7.2 MiB), batches of 32, Meta-Weight-Net learning once in K of the student's
steps through all of them. Each row is measured in a process of its own: peak resident memory over that before the first step
(see `benchmarks/memory.py`), and the time of a student's step, learning included, by that of a plain one.
"""

import argparse
import multiprocessing
import os
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.memory import CLEAR, measurable, read_status, settle
from benchmarks.results import circumstances, told
from benchmarks.tables import line
from reweigh import Learning, MetaWeightNet, Reweigher
from reweigh.optimizers import ReversibleSGD

HORIZONS = (1, 10, 100)
Batch = dict[str, Tensor]


def per_example_loss(model: nn.Module, batch: Batch) -> Tensor:
    return F.cross_entropy(model(batch["x"]), batch["y"], reduction="none")


def student() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(784, 1024), nn.Tanh(), nn.Linear(1024, 1024), nn.Tanh(), nn.Linear(1024, 10))


def step_of(memory: str, horizon: int) -> Callable[[], None]:
    """One student's step; `memory` is "plain" for no weights at all."""
    model = student()
    batch = {"x": torch.randn(32, 784), "y": torch.randint(10, (32,))}
    clean = {"x": torch.randn(32, 784), "y": torch.randint(10, (32,))}
    kind = ReversibleSGD if memory == "reverse" else torch.optim.SGD
    optimizer = kind(model.parameters(), lr=0.01, momentum=0.9)
    if memory == "plain":

        def plain() -> None:
            optimizer.zero_grad()
            torch.autograd.backward(per_example_loss(model, batch).mean())
            optimizer.step()

        return plain
    learning = Learning(horizon=horizon, memory=memory)
    reweigher = Reweigher(
        model, per_example_loss, rule=MetaWeightNet(), clean=[clean], optimizer=optimizer, learning=learning
    )

    def step() -> None:
        optimizer.zero_grad()
        reweigher.backward(batch)
        optimizer.step()
        reweigher.after_step()

    return step


def measure(
    memory: str, horizon: int, threads: int, answer: "multiprocessing.SimpleQueue[tuple[float, float]]"
) -> None:
    """Peak MiB and seconds a step over two windows of K steps."""
    torch.set_num_threads(threads)
    warm = step_of(memory, 1)  # what libraries and self-checks allocate once
    warm(), warm()
    step = step_of(memory, horizon)
    settle()
    baseline = read_status("VmRSS")
    CLEAR.write_text("5")
    steps = max(2 * horizon, 20)
    start = time.perf_counter()
    for _ in range(steps):
        step()
    seconds = (time.perf_counter() - start) / steps
    answer.put(((read_status("VmHWM") - baseline) / 2**20, seconds))


def in_a_process(memory: str, horizon: int, threads: int) -> tuple[float, float]:
    os.environ["MALLOC_MMAP_THRESHOLD_"] = os.environ["MALLOC_TRIM_THRESHOLD_"] = str(64 * 1024)
    context = multiprocessing.get_context("spawn")
    answer = context.SimpleQueue()
    process = context.Process(target=measure, args=(memory, horizon, threads, answer))
    process.start()
    process.join()
    return answer.get()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.horizon", description="What a horizon costs.")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    threads = parser.parse_args().threads
    if not measurable():
        raise SystemExit("this machine does not say how large a process has been: run it on Linux")
    print(told(circumstances(1, threads)), "\n")
    print(line(("memory", "K", "peak MiB over the start", "time of a step / plain")), "|---|---|---|---|", sep="\n")
    plain_peak, plain_seconds = in_a_process("plain", 1, threads)
    print(line(("plain training", "–", f"{plain_peak:.0f}", "1.00")), flush=True)
    for horizon in HORIZONS:
        for memory in ("snapshots", "reverse"):
            peak, seconds = in_a_process(memory, horizon, threads)
            print(line((memory, str(horizon), f"{peak:.0f}", f"{seconds / plain_seconds:.2f}")), flush=True)


if __name__ == "__main__":
    main()
