"""What the checks of an engine cost over 1,000 steps: a thorough one at the first, brief ones at the steps 2, 4, 8, ...

    python -m benchmarks.check_cost                                  # a Transformer and a ResNet-32
    python -m benchmarks.check_cost --models lenet --steps 40

Each step is timed by itself, in seconds of CPU time on one thread, so that nothing counts that the machine does beside. What
a step with a check takes beyond the median of the steps without one, in the same few seconds, is the check's. Training
begins anew for several rounds, and medians are told with the least and the most. A first round is left out: what a process
pays once, for its first passes of all, it pays without checks too. The brief checks after the last timed step are taken to
cost what the timed ones did.
"""

import argparse
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from benchmarks.tasks import MODELS, TASKS, Task, make_batches, make_model, per_example_loss
from reweigh import L2RW, Reweigher
from reweigh.allocator import keep_freed_memory

STEPS = 1000


@dataclass(frozen=True)
class Cost:
    """Seconds: of a step without a check, of the thorough check at the first one, of one brief check."""

    step: float
    thorough: float
    brief: float

    @property
    def share(self) -> float:
        """Of 1,000 steps' time, what goes into checks."""
        brief = sum(1 for k in range(1, STEPS.bit_length()) if 2**k <= STEPS)
        return (self.thorough + brief * self.brief) / (STEPS * self.step)


def measure(task: Task, steps: int) -> Cost:
    """Train for so many steps (at least 9) and tell the steps with a check from the others."""
    model = make_model(task)
    batch, clean = make_batches(task)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4)
    reweigher = Reweigher(model, per_example_loss, rule=L2RW(), clean=[clean])
    seconds = []
    for _ in range(steps):
        start = time.process_time()
        optimizer.zero_grad()
        reweigher.backward(batch)
        optimizer.step()
        seconds.append(time.process_time() - start)
    numbered = dict(enumerate(seconds, 1))
    usual = statistics.median(spent for number, spent in numbered.items() if number & (number - 1))
    brief = [spent - usual for number, spent in numbered.items() if number > 1 and not number & (number - 1)]
    return Cost(usual, numbered[1] - usual, statistics.median(brief))


def told(rounds: Sequence[Cost]) -> str:
    """The medians of a task's rounds, as cells of a row."""
    share = [cost.share for cost in rounds]
    step, thorough, brief = (
        statistics.median(values) for values in zip(*((c.step, c.thorough, c.brief) for c in rounds), strict=True)
    )
    spread = f"{statistics.median(share):.2%} ({min(share):.2%} to {max(share):.2%})"
    return f"{step * 1e3:.0f} ms | {thorough / step:.2f} steps | {brief / step:.2f} steps | {spread}"


def main(arguments: Sequence[str] | None = None) -> None:
    """A line a task."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.check_cost", description="What checks cost.")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=["transformer", "resnet32"], metavar="MODEL")
    parser.add_argument("--steps", type=int, default=17, help="in each round (default 17, at least 9)")
    parser.add_argument("--rounds", type=int, default=5, help="that count (default 5)")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    keep_freed_memory()
    print("| task | a step | the first check | a brief check | of 1,000 steps |\n|---|---|---|---|---|")
    for task in TASKS:
        if task.model in options.models:
            rounds = [measure(task, max(options.steps, 9)) for _ in range(max(options.rounds, 1) + 1)][1:]
            print(f"| {task.title} | {told(rounds)} |", flush=True)


if __name__ == "__main__":
    main()
