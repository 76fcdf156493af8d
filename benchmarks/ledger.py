"""What the ledger costs: rows a second, its share of a training step's time, bytes, memory.

    python -m benchmarks.ledger                         # a million examples, about two minutes
    python -m benchmarks.ledger --examples 200000

One epoch of `--examples` examples is noted in batches, as a training loop would, and its part written. That is held
against the time of as many training steps of the models below, plain ones and reweighted ones: the median of a few steps,
times the number of steps in the epoch.
"""

import argparse
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reweigh import L2RW, Ledger, Reweigher
from reweigh.models import build

MODELS = {"mlp": (784,), "lenet": (1, 28, 28), "resnet32": (3, 32, 32)}
STEPS = 7


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    options = parse(arguments)
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        note_epoch(Path(folder) / "first", 1000, options.batch_size)  # imports, first calls
        before = peak()
        adding, writing, size = note_epoch(Path(folder), options.examples, options.batch_size)
        memory, started = peak() - before, time.perf_counter()
        Ledger.read(Path(folder) / "ledger").summary()
        reading = time.perf_counter() - started
    seconds = adding + writing
    print(f"{options.examples:,} examples in batches of {options.batch_size}, {options.threads} thread(s)")
    print(f"noting {adding:.2f} s, writing the part {writing:.2f} s: {options.examples / seconds:,.0f} rows/s")
    print(f"the part has {size / 1e6:.1f} MB, {size / options.examples:.1f} bytes a row; summary of it {reading:.2f} s")
    print(f"peak memory above the start: {memory / 1e6:.0f} MB, {memory / options.examples:.0f} bytes a row")
    for name, shape in MODELS.items():
        for how, step in zip(("plain", "L2RW"), step_times(name, shape, options.batch_size), strict=True):
            share = seconds / (step * options.examples / options.batch_size)
            print(f"{name:>9}, {how}: a step takes {1000 * step:7.2f} ms, the ledger {100 * share:.2f} % of it")


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line as a namespace."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ledger", description="The cost of the ledger.")
    parser.add_argument("--examples", type=int, default=1_000_000, help="examples in the epoch (default a million)")
    parser.add_argument("--batch-size", type=int, default=100, help="examples in a batch (default 100)")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch (default 1)")
    options = parser.parse_args(arguments)
    if min(options.examples, options.batch_size, options.threads) < 1:
        parser.error("--examples, --batch-size and --threads must be at least 1")
    return options


def note_epoch(folder: Path, examples: int, batch_size: int) -> tuple[float, float, int]:
    """Seconds for noting an epoch, seconds for writing it, bytes of its part."""
    ledger, adding = Ledger(folder / "ledger"), 0.0
    for ids in torch.randperm(examples).split(batch_size):
        weights = (torch.rand(len(ids)) - 0.4).clamp(min=0)  # L2RW gives about two in five the weight zero
        batch = (ids, weights / weights.sum(), torch.randn(len(ids)), torch.rand(len(ids)), ids % 10)
        started = time.perf_counter()
        ledger.add(*batch)
        adding += time.perf_counter() - started
    started = time.perf_counter()
    size = ledger.end_epoch().stat().st_size
    return adding, time.perf_counter() - started, size


def step_times(name: str, shape: tuple[int, ...], batch_size: int) -> tuple[float, float]:
    """Median seconds of a plain training step and of one with L2RW, taken in turn."""
    model = build(name, input_shape=shape, classes=10)
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    batch = {"x": torch.rand(batch_size, *shape), "y": torch.randint(10, (batch_size,))}
    reweigher = Reweigher(model, per_example_loss, rule=L2RW(), clean=batch)

    def plain() -> None:
        optimizer.zero_grad()
        per_example_loss(model, batch).mean().backward()
        optimizer.step()

    def reweighted() -> None:
        optimizer.zero_grad()
        reweigher.backward(batch)
        optimizer.step()

    plain()
    reweighted()
    times = [(_seconds(plain), _seconds(reweighted)) for _ in range(STEPS)]
    return statistics.median(one for one, _ in times), statistics.median(other for _, other in times)


def per_example_loss(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
    return F.cross_entropy(model(batch["x"]), batch["y"], reduction="none")


def _seconds(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def peak() -> int:
    """The process's peak memory so far in bytes (Linux counts in KiB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main()
