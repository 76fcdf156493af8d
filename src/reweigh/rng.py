"""The global random number generators, kept and set: PyTorch's (CPU and devices), NumPy's and Python's."""

import contextlib
import random
from collections.abc import Iterable, Iterator

import numpy as np
import torch


@contextlib.contextmanager
def kept(devices: Iterable[torch.device] = ()) -> Iterator[None]:
    """Whatever the block draws, the generators are afterwards as they were."""
    numpy_state, python_state = np.random.get_state(), random.getstate()
    by_kind: dict[str, list[torch.device]] = {}
    for device in devices:
        if device.type not in ("cpu", "meta"):
            by_kind.setdefault(device.type, []).append(device)
    with contextlib.ExitStack() as stack:
        stack.enter_context(torch.random.fork_rng(devices=[]))
        for kind, those in by_kind.items():
            stack.enter_context(torch.random.fork_rng(those, device_type=kind))
        try:
            yield
        finally:
            np.random.set_state(numpy_state)
            random.setstate(python_state)


def seed(value: int, devices: Iterable[torch.device] = ()) -> None:
    """Start all generators from one number; to be called within `kept`, so for a while only."""
    torch.default_generator.manual_seed(value)
    np.random.seed(value % 2**32)
    random.seed(value)
    for device in devices:
        if device.type == "cuda":
            torch.cuda.default_generators[device.index].manual_seed(value)


def mixed(*numbers: int) -> int:
    """One seed of several numbers, (0 to 2^62), in which neighbours are unrelated."""
    words = np.random.SeedSequence([abs(n) for n in numbers]).generate_state(1, np.uint64)
    return int(words[0]) >> 2
