"""Where a run takes place: on which device, and among how many processes. Nobody else asks for a rank but `together.py`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from reweigh import distributed
from reweigh.errors import BadInput
from reweigh.run.together import local_rank, say_done, wait_for_first

T = TypeVar("T")


@dataclass(frozen=True)
class World:
    """The processes that train together; one process is the trivial case.

    Attributes:
        device: where this process computes.
        rank: its number, from 0 to `size` - 1.
    """

    device: torch.device
    rank: int = 0
    size: int = 1

    @classmethod
    def here(cls, device: Any = "auto") -> "World":
        """This process as `torch.distributed` has it, on the device of that name.

        Raises:
            BadInput: as `usable_device`.
        """
        size = distributed.world_size()
        return cls(usable_device(device if size == 1 else _own_device(device)), distributed.rank(), size)

    def alone(self) -> "World":
        """This process by itself, on the same device."""
        return World(self.device)

    @property
    def is_main(self) -> bool:
        """Whether this process writes files and speaks."""
        return self.rank == 0

    def gather(self, tensor: Tensor) -> Tensor:
        """The tensors (n, ...) of all processes, one after the other: (n1 + n2 + ..., ...) on every one; n may differ."""
        return distributed.joined(tensor)[0]

    def from_main(self, item: T) -> T:
        """What the main process has put in, on all of them."""
        return distributed.from_first(item)  # type: ignore[no-any-return]

    def on_main(self, work: Callable[[], T]) -> T:
        """What the work comes to, which the main process does alone: on all of them. The others wait, however long.

        Raises:
            Elsewhere: in the others, if it fails.
        """
        if self.size == 1 or distributed.world_size() == 1:
            return work()
        found: Any = None
        if self.is_main:
            with distributed.alone():
                found = work()
            say_done()
        else:
            wait_for_first()
        return self.from_main(found)  # type: ignore[no-any-return]

    def gathered(self, item: T) -> list[T]:
        """What each process has put in, in their order, on the main one; on the others its own alone."""
        return distributed.gathered(item) or [item]

    def wrap(self, model: nn.Module) -> nn.Module:
        """The model on this process's device, its gradients averaged over processes where there are several."""
        model = model.to(self.device)
        if self.size == 1 or not any(p.requires_grad for p in model.parameters()):
            return model
        return nn.parallel.DistributedDataParallel(model)

    def apart(self, model: nn.Module) -> list[str]:
        """What each process does by itself where there are several, in words, so that it is not as in one."""
        kinds = {
            "batch normalisation": (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d),
            "dropout": (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d),
        }
        parts = [] if self.size == 1 else [part for part in model.modules() if getattr(part, "p", 1.0) > 0]
        return [words for words, kind in kinds.items() if any(isinstance(part, kind) for part in parts)]


def _own_device(name: Any) -> Any:
    """Of several processes each has an accelerator of its own, or all have the CPU.

    Raises:
        BadInput: if there are too few, or all are sent to the same one.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError):
        return name
    if device.type == "cpu":
        return device
    there, mine = torch.cuda.device_count() if device.type == "cuda" else 1, local_rank()
    if device.type != "cuda" or mine >= there:
        raise BadInput(
            f"this machine has {there} of the device {device.type!r}, and more processes were started on it: start as many "
            "as there are (torchrun --nproc-per-node), or train with --device cpu"
        )
    return torch.device("cuda", mine)


def usable_device(name: Any) -> torch.device:
    """The device of that name, once a tensor has been put there; "auto" is the first that there is of cuda, mps and cpu.

    Raises:
        BadInput: if there is no such device on this machine.
    """
    try:
        device = torch.device(_found() if name == "auto" else name)
        torch.zeros(1, device=device).cpu()
    except (RuntimeError, AssertionError, NotImplementedError, TypeError) as refused:
        raise BadInput(f"device={name!r} cannot be used on this machine: take 'auto', or 'cpu'") from refused
    return device


def _found() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"
