"""Wall-clock time of whole training steps, all variants in one process, interleaved.

A round takes one step of each variant in turn (A B C A B C ...), so that whatever else the machine does falls
on all of them alike; each time is divided by the plain step's of the same round. Every variant trains its own
copy of the model. One-off work, such as the engines' self-check, is done before: the weights are computed once
for comparison with the reference, and a first step is thrown away. glibc is told to keep what is freed, as the command line
does: otherwise mapping memory anew makes now this variant slow and now that one.
"""

import gc
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from benchmarks.flops import flops
from benchmarks.others import by_hand
from benchmarks.tasks import Task, make_batches, make_model, to_double
from benchmarks.variants import UNCOUNTED, VARIANTS, Step
from reweigh.allocator import keep_freed_memory


@dataclass
class Timing:
    """One variant on one task: seconds a step, ratios to the plain step, agreement of its weights and their share of zeros,
    floating-point operations.
    """

    seconds: list[float] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)
    cosine: float | None = None
    error: float | None = None
    zeros: float | None = None
    flops: int | None = None
    failure: str | None = None

    @property
    def median_seconds(self) -> float:
        return statistics.median(self.seconds)

    @property
    def spread(self) -> tuple[float, float, float]:
        """Lowest, median and highest ratio to the plain step."""
        return min(self.ratios), statistics.median(self.ratios), max(self.ratios)


def reference_weights(task: Task) -> Tensor:
    """The weights (B,) by double backward in float64."""
    task = replace(task, dtype="fp32")
    model = make_model(task).double()
    batch, clean = make_batches(task)
    return by_hand(model, to_double(batch), to_double(clean)).cpu()


def time_task(task: Task, names: Sequence[str], rounds: int, say: Callable[[str], None]) -> dict[str, Timing]:
    """Time `rounds` interleaved rounds of the named variants; "plain" must be among them."""
    keep_freed_memory()
    timings = {name: Timing() for name in names}
    reference = reference_weights(task)
    steps: dict[str, Step] = {}
    for name in names:
        say(f"{task.title}: {name}")
        step = _prepare(task, name, reference, timings[name])
        if step is not None:
            steps[name] = step
    for number in range(rounds):
        say(f"{task.title}: round {number + 1} of {rounds}")
        seconds = {name: _seconds(step, task.device) for name, step in steps.items()}
        for name, spent in seconds.items():
            timings[name].seconds.append(spent)
            timings[name].ratios.append(spent / seconds["plain"])
    return timings


def _prepare(task: Task, name: str, reference: Tensor, timing: Timing) -> Step | None:
    try:
        step = VARIANTS[name](task)
        weights = step.weights()
        if weights is not None:
            timing.cosine, timing.error = agreement(weights, reference)
            timing.zeros = float((weights == 0).double().mean())
        step()  # engines check themselves at the steps 1, 2, 4, 8, ..., which are neither counted nor timed
        timing.flops = flops(step)
        step()
        if name in UNCOUNTED:
            timing.flops = None
    except Exception as failure:  # one variant that cannot do a model is a row of the table, not the end of it
        timing.failure = f"{type(failure).__name__}: {str(failure).strip().splitlines()[0]}"
        return None
    return step


def agreement(weights: Tensor, reference: Tensor) -> tuple[float, float]:
    """Cosine and largest absolute difference of two weight vectors (B,)."""
    weights = weights.detach().cpu().double()
    cosine = torch.nn.functional.cosine_similarity(weights, reference, dim=0)
    return cosine.item(), (weights - reference).abs().max().item()


def _seconds(step: Step, device: str) -> float:
    gc.collect()
    wait(device)
    start = time.perf_counter()
    step()
    wait(device)
    return time.perf_counter() - start


def wait(device: str) -> None:
    """Until an accelerator has done what it was given."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
