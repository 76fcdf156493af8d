"""Where a run takes place: on which device, and among how many processes. Nobody else in the application asks for a rank."""

import os
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from reweigh.distributed import rank, world_size
from reweigh.errors import BadInput


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
        return cls(usable_device(device), rank(), world_size())

    @property
    def is_main(self) -> bool:
        """Whether this process writes files and speaks."""
        return self.rank == 0

    def gather(self, tensor: Tensor) -> Tensor:
        """The tensors (n, ...) of all processes, one after the other: (n1 + n2 + ..., ...) on every one; n may differ."""
        if self.size == 1:
            return tensor
        counts = [torch.zeros(1, dtype=torch.int64, device=tensor.device) for _ in range(self.size)]
        dist.all_gather(counts, torch.tensor([len(tensor)], device=tensor.device))
        most = max(int(count) for count in counts)
        padded = torch.cat([tensor, tensor.new_zeros((most - len(tensor), *tensor.shape[1:]))])
        parts = [torch.empty_like(padded) for _ in range(self.size)]
        dist.all_gather(parts, padded)
        return torch.cat([part[: int(count)] for part, count in zip(parts, counts, strict=True)])

    def wrap(self, model: nn.Module) -> nn.Module:
        """The model on this process's device, its gradients averaged over processes where there are several."""
        model = model.to(self.device)
        if self.size == 1 or not any(p.requires_grad for p in model.parameters()):
            return model
        return nn.parallel.DistributedDataParallel(model)


def check_alone() -> None:
    """No other process was started together with this one.

    Raises:
        BadInput: if one was, by torchrun or the like.
    """
    told = os.environ.get("WORLD_SIZE", "")
    count = max(world_size(), int(told) if told.isdecimal() else 1)
    if count > 1:
        raise BadInput(
            f"this run was started in {count} processes together, and each of them would train and write it: start one "
            "process, or use reweigh.Reweigher in a training loop of your own, which works in several"
        )


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
