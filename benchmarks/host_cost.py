"""What a step costs where nothing but Python and dispatch is left: tiny tensors, and ratios to a plain step.

    python -m benchmarks.host_cost                                   # three networks by three engines, and rules that learn
    python -m benchmarks.host_cost --models transformer --ways ghost --profile
    python -m benchmarks.host_cost --models transformer --ways "forward, compiled" "plain, compiled"   # minutes of compiling

On a GPU whose kernels are quicker than the host can ask for them this is what a step takes. Time is CPU time of one thread,
each way beside a plain step of the same round, medians over the rounds; steps at which an engine checks itself, or a
recorded pass is held against one by Python (1, 2, 4, 8, ...), are few and do not show. Calls are those of Python functions,
and of operations that PyTorch dispatches.
"""

import argparse
import cProfile
import pstats
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks.tables import line
from benchmarks.tasks import CLASSES, SEED, Batch, per_example_loss
from reweigh import L2RW, DeepInteraction, MetaWeightNet, Reweigher
from reweigh.allocator import keep_freed_memory
from reweigh.errors import EngineRefused
from reweigh.models import build

SIZE, CLEAN, WORDS, TOKENS, SIDE = 4, 2, 20, 6, 8
MODELS: dict[str, tuple[str, tuple[int, ...], dict[str, Any]]] = {
    "transformer": ("transformer", (TOKENS,), {"vocabulary": WORDS, "width": 8, "layers": 4}),
    "resnet32-groupnorm": ("resnet32", (3, SIDE, SIDE), {"norm": "group"}),
    "resnet32": ("resnet32", (3, SIDE, SIDE), {}),
}
Step = Callable[[], None]
How = Callable[[torch.optim.Optimizer], dict[str, Any]]
WAYS: dict[str, How | None] = {
    "plain": None,
    "ghost": lambda _: {"rule": L2RW(), "engine": "ghost"},
    "forward": lambda _: {"rule": L2RW(), "engine": "forward"},
    "finite": lambda _: {"rule": L2RW(), "engine": "finite"},
    "auto, optimizer": lambda optimizer: {"rule": L2RW(), "optimizer": optimizer},
    "meta-weight-net": lambda optimizer: {"rule": MetaWeightNet(), "optimizer": optimizer},
    "teacher": lambda optimizer: {"rule": DeepInteraction(CLASSES), "optimizer": optimizer},
}
CAPTURES = {"replayed": "replay", "compiled": "compile"}
WAYS |= {
    f"{way}, {how}": made for how in CAPTURES for way, made in WAYS.items() if made is not None and way != "finite"
}
WAYS["plain, compiled"] = None
USUAL = [way for way in WAYS if "compiled" not in way]
BARS = {"ghost": 3.0, "forward": 3.0, "meta-weight-net": 4.0, "teacher": 4.0}
BARS |= {f"{way}, {how}": bar for way, bar in BARS.items() for how in CAPTURES}
WARM_UP = 26


def made(model: str, way: str) -> Step:
    """A whole step of training that way: zero the gradients, weigh, go back, take a step."""
    name, shape, options = MODELS[model]
    network: nn.Module = build(name, input_shape=shape, classes=CLASSES, seed=SEED, **options)
    batch, clean = (_batch(shape, size) for size in (SIZE, CLEAN))
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-4, momentum=0.9)
    how = WAYS[way]
    if how is None:
        forward = torch.compile(network, dynamic=False) if way == "plain, compiled" else network

        def plain() -> None:
            optimizer.zero_grad()
            torch.autograd.backward(per_example_loss(forward, batch).mean())
            optimizer.step()

        return plain
    capture = next((capture for told, capture in CAPTURES.items() if way.endswith(told)), "off")
    reweigher = Reweigher(network, per_example_loss, clean=[clean], capture=capture, **how(optimizer))

    def weighed() -> None:
        optimizer.zero_grad()
        reweigher.backward(batch)
        optimizer.step()
        reweigher.after_step()  # nothing where a rule does not learn

    return weighed


def warm(model: str, way: str) -> Step:
    """The same after some steps, at the first of which engines are chosen and checked."""
    step = made(model, way)
    for _ in range(WARM_UP):
        step()
    return step


def _batch(shape: tuple[int, ...], size: int) -> Batch:
    torch.manual_seed(SEED)
    x = torch.randn(size, *shape) if len(shape) > 1 else torch.randint(WORDS, (size, *shape))
    return {"x": x, "y": torch.randint(CLASSES, (size,)), "id": torch.arange(size)}


class _Operations(TorchDispatchMode):
    """Counts what is dispatched."""

    count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += 1
        return func(*args, **(kwargs or {}))


def calls(step: Step) -> tuple[int, int]:
    """Of Python functions, and of operations, in one step."""
    found = 0

    def count(frame: Any, event: str, argument: Any) -> None:
        nonlocal found
        found += event == "call"

    sys.setprofile(count)
    try:
        step()
    finally:
        sys.setprofile(None)
    with _Operations() as operations:
        step()
    return found, operations.count


def measured(model: str, ways: Sequence[str], rounds: int) -> dict[str, tuple[float, list[float]]]:
    """Milliseconds of each way's step, and its ratios to the plain one's."""
    steps = dict[str, Step]()
    for way in ways:
        try:
            steps[way] = warm(model, way)
        except EngineRefused as refused:
            print(f"{model}: {refused}", file=sys.stderr)
    spent: dict[str, list[float]] = {way: [] for way in steps}
    for _ in range(rounds):
        for way, step in steps.items():
            start = time.process_time()
            step()
            spent[way].append(time.process_time() - start)
    ratios = {way: [t / p for t, p in zip(spent[way], spent["plain"], strict=True)] for way in spent}
    return {way: (1000 * statistics.median(spent[way]), ratios[way]) for way in spent}


def profile(model: str, way: str, most: int, steps: int = 50) -> None:
    """Where a way's Python time goes."""
    step = warm(model, way)
    profiler = cProfile.Profile()
    profiler.enable()
    for _ in range(steps):
        step()
    profiler.disable()
    pstats.Stats(profiler).sort_stats("tottime").print_stats(most)


def main(arguments: Sequence[str] | None = None) -> None:
    """A table a model."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.host_cost", description="What Python and dispatch cost."
    )
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS), metavar="MODEL")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=USUAL, metavar="WAY")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--profile", type=int, nargs="?", const=30, help="print so many functions of each way instead")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    keep_freed_memory()
    for model in options.models:
        if options.profile:
            for way in options.ways:
                profile(model, way, options.profile)
            continue
        rows = measured(model, list(dict.fromkeys(("plain", *options.ways))), options.rounds)
        print(f"| {model}, {SIZE} + {CLEAN} | ms | plain steps | at most | Python calls | operations |")
        print("|---|---|---|---|---|---|")
        for way, (ms, ratios) in rows.items():
            low, _, high = statistics.quantiles(ratios, n=4)
            spread = f"{statistics.median(ratios):.2f} ({low:.2f} to {high:.2f})"
            python, operations = calls(warm(model, way))
            bar = f"{BARS[way]:.1f}" if way in BARS else ""
            print(line((way, f"{ms:.2f}", spread, bar, f"{python:,}", f"{operations:,}")), flush=True)
        print()


if __name__ == "__main__":
    main()
