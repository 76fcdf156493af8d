"""What the checks of an engine cost over 1,000 steps: a thorough one at the first, brief ones at the steps 2, 4, 8, ...

    python -m benchmarks.check_cost                                  # a Transformer and a ResNet-32
    python -m benchmarks.check_cost --models lenet --steps 40

Each step is timed by itself, in seconds of CPU time on one thread, so that nothing counts that the machine does beside. What
a step with a check takes beyond the median of the steps without one is the check's; the brief checks after the last timed
step are taken to cost what the timed ones did.
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
    """Train for so many steps (at least 20) and tell the steps with a check from the others."""
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
    brief = [numbered[number] - usual for number in (2, 4, 8, 16, 32, 64) if number in numbered]
    thorough = numbered[1] - usual
    return Cost(usual, thorough, statistics.median(brief))


def main(arguments: Sequence[str] | None = None) -> None:
    """A line a task."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.check_cost", description="What checks cost.")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=["transformer", "resnet32"], metavar="MODEL")
    parser.add_argument("--steps", type=int, default=70)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    keep_freed_memory()
    print("| task | a step | the first check | a brief check | of 1,000 steps |\n|---|---|---|---|---|")
    for task in TASKS:
        if task.model in options.models:
            cost = measure(task, max(options.steps, 20))
            told = f"{cost.step * 1e3:.0f} ms | {cost.thorough * 1e3:.0f} ms | {cost.brief * 1e3:.0f} ms | {cost.share:.2%}"
            print(f"| {task.title} | {told} |", flush=True)


if __name__ == "__main__":
    main()
