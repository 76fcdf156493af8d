"""How much faster two processes train than one, at the same global batch: each with one thread, so that two cores are used.

    python -m benchmarks.two_processes                       # the Transformer of the benchmark, 32 + 4, by L2RW
    python -m benchmarks.two_processes --model wrn-16-4-groupnorm --n 64 --m 8 --rounds 10

One process and then two take steps with weights (weigh, weighted gradient, SGD), in turn, `--rounds` times, after a first
round that does not count. Two have half of the training and of the clean batch each, under DistributedDataParallel by
gloo, and end with the parameters of one. Seconds are those of a wall clock: have nothing else run.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import distributed, multiprocessing, nn
from torch.nn.parallel import DistributedDataParallel

from benchmarks.tasks import Batch, Task, make_batches, make_model, per_example_loss
from reweigh import L2RW, Reweigher

BAR = 1.6


def part_of(batch: Batch, rank: int, size: int) -> Batch:
    """This process's examples."""
    return {name: values.tensor_split(size)[rank] for name, values in batch.items()}


def seconds_of_steps(task: Task, steps: int, rank: int, size: int) -> tuple[float, float]:
    """What so many steps take, after three that do not count; and a sum over the parameters in the end."""
    model, (batch, clean) = make_model(task), make_batches(task)
    batch, clean = part_of(batch, rank, size), part_of(clean, rank, size)
    wrapped: nn.Module = model if size == 1 else DistributedDataParallel(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    reweigher = Reweigher(wrapped, per_example_loss, rule=L2RW(), clean=[clean])
    began = 0.0
    for step in range(steps + 3):
        if step == 3:
            _meet(size)
            began = time.perf_counter()
        optimizer.zero_grad()
        reweigher.backward(batch)
        optimizer.step()
    _meet(size)
    return time.perf_counter() - began, float(sum(p.detach().double().abs().sum() for p in model.parameters()))


def _meet(size: int) -> None:
    if size > 1:
        distributed.barrier()


def _process(rank: int, task: Task, steps: int, size: int, folder: str) -> None:
    torch.set_num_threads(1)
    if size > 1:
        store = distributed.FileStore(f"{folder}/store", size)
        distributed.init_process_group("gloo", store=store, rank=rank, world_size=size)
    found = seconds_of_steps(task, steps, rank, size)
    Path(f"{folder}/{rank}.json").write_text(json.dumps(found))
    os._exit(0)  # taking a group down may wait


def measured(task: Task, steps: int, size: int) -> tuple[float, float]:
    """Seconds of so many steps by so many processes, the slowest of them, and the sum over the first one's parameters."""
    with tempfile.TemporaryDirectory() as folder:
        multiprocessing.spawn(_process, (task, steps, size, folder), nprocs=size)
        found = [json.loads(Path(f"{folder}/{rank}.json").read_text()) for rank in range(size)]
    return max(seconds for seconds, _ in found), found[0][1]


def main(arguments: Sequence[str] | None = None) -> None:
    """A line a round, and the ratio."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.two_processes", description="Two processes beside one.")
    parser.add_argument("--model", default="transformer")
    parser.add_argument("--n", type=int, default=32, help="examples a step (default 32)")
    parser.add_argument("--m", type=int, default=4, help="checked ones (default 4)")
    parser.add_argument("--steps", type=int, default=20, help="of a round (default 20)")
    parser.add_argument("--rounds", type=int, default=5, help="that count (default 5)")
    options = parser.parse_args(arguments)
    task, ratios = Task(options.model, options.n, options.m), list[float]()
    print("| round | one process, s a step | two, s a step | times as fast | parameters apart |\n|---|---|---|---|---|")
    for number in range(options.rounds + 1):
        (alone, one), (together, two) = (measured(task, options.steps, size) for size in (1, 2))
        if number:
            ratios.append(alone / together)
            each = f"{alone / options.steps:.3f} | {together / options.steps:.3f}"
            print(f"| {number} | {each} | {ratios[-1]:.2f} | {abs(one - two) / one:.1e} |", flush=True)
    spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
    print(f"\n{task.title}: {statistics.median(ratios):.2f} times as fast ({spread}), at least {BAR} wanted")


if __name__ == "__main__":
    main()
