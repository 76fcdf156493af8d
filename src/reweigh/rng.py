"""The global random number generators, kept and set: PyTorch's (CPU and devices), NumPy's and Python's."""

import random
from collections.abc import Callable, Iterable

import numpy as np
import torch

from reweigh.undo import ForAWhile, lent


class kept(ForAWhile):
    """Whatever the block draws, the generators are afterwards as they were."""

    def __init__(self, devices: Iterable[torch.device] = ()) -> None:
        self._devices = devices

    def change(self) -> None:
        """Nothing but a note."""
        lent(way_back(self._devices))


def way_back(devices: Iterable[torch.device] = ()) -> Callable[[], None]:
    """A function that puts all generators where they are now."""
    numpy_state, python_state, torch_states = np.random.get_state(), random.getstate(), states(devices)

    def put_back() -> None:
        np.random.set_state(numpy_state)
        random.setstate(python_state)
        set_states(torch_states)

    return put_back


def seed(value: int, devices: Iterable[torch.device] = ()) -> None:
    """Start all generators from one number; to be called within `kept`, so for a while only."""
    np.random.seed(value % 2**32)
    random.seed(value)
    seed_torch(value, devices)


def seed_torch(value: int, devices: Iterable[torch.device] = ()) -> None:
    """Start PyTorch's generators of the CPU and these devices from one number.

    `torch.manual_seed` seeds every device there is, and where there is none it notes the stack for later, thrice, for as
    long as some steps of a small model take.
    """
    torch.default_generator.manual_seed(value)
    for device in devices:
        if device.type == "cuda":
            if not _captured(device):
                index = torch.cuda.current_device() if device.index is None else device.index
                torch.cuda.default_generators[index].manual_seed(value)
        elif device.type not in ("cpu", "meta"):
            torch.get_device_module(device).manual_seed(value)


def mixed(*numbers: int) -> int:
    """One seed of several numbers, (0 to 2^62), in which neighbours are unrelated."""
    words = np.random.SeedSequence([abs(n) for n in numbers]).generate_state(1, np.uint64)
    return int(words[0]) >> 2


def states(devices: Iterable[torch.device] = ()) -> dict[str, torch.Tensor]:
    """Where PyTorch's generators stand, by device; dropout masks follow from it."""
    found = {"cpu": torch.get_rng_state()}
    for device in devices:
        if device.type not in ("cpu", "meta") and not _captured(device):
            found[str(device)] = torch.get_device_module(device).get_rng_state(device)
    return found


def set_states(found: dict[str, torch.Tensor]) -> None:
    """Put PyTorch's generators where `states` found them; to be called within `kept`."""
    for name, state in found.items():
        if name == "cpu":
            torch.set_rng_state(state)
        else:
            torch.get_device_module(torch.device(name)).set_rng_state(state, torch.device(name))


def _captured(device: torch.device) -> bool:
    """Whether a CUDA graph is being captured, to which the device's generator belongs meanwhile."""
    return device.type == "cuda" and torch.cuda.is_current_stream_capturing()
