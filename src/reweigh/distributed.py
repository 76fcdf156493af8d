"""The few things that ranks must agree on: the clean direction, and the total of the weights.

`torch.autograd.grad` is not averaged by DistributedDataParallel, and each rank sees its own part of the batch. Where
`torch.distributed` is initialised, these functions make several ranks equal one rank with all of their batches; where it
is not, they return what they were given.
"""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.nn.functional import all_reduce

from reweigh.errors import BadInput


def world_size() -> int:
    """How many ranks train together; 1 where `torch.distributed` is not initialised."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """This rank's number; 0 where `torch.distributed` is not initialised."""
    return dist.get_rank() if world_size() > 1 else 0


def forbid_join(*joinable: object) -> None:
    """Where ranks have unevenly many batches, `join()` answers the messages of DDP for ranks that are done, but not ours.

    Raises:
        BadInput: if one of these is under `join()`, on all ranks at once.
    """
    configs = [getattr(one, "_join_config", None) for one in joinable]
    if world_size() > 1 and any(config is not None and config.enable for config in configs):
        raise BadInput(
            "the model is under join(), which answers DistributedDataParallel's messages for ranks that have no batch left, "
            "but not those that weights need: give every rank as many batches (DistributedSampler does) and leave join() "
            "out; after a join() for other training, wrap the model in DistributedDataParallel anew"
        )


def summed(tensor: Tensor) -> Tensor:
    """The sum over ranks, the same shape."""
    if world_size() > 1:
        tensor = tensor.clone()
        dist.all_reduce(tensor)
    return tensor


def summed_with_gradient(tensor: Tensor) -> Tensor:
    """As `summed`, and the derivative goes to all ranks' tensors."""
    if world_size() > 1 and tensor.requires_grad:
        return all_reduce(tensor)  # type: ignore[no-any-return]
    return summed(tensor)


def averaged(direction: dict[str, Tensor]) -> dict[str, Tensor]:
    """The mean over ranks of a direction, in one message for each dtype. All ranks must have the same names."""
    if world_size() == 1 or not direction:
        return direction
    found: dict[str, Tensor] = {}
    for kind in dict.fromkeys((v.dtype, v.device) for v in direction.values()):  # one message for each kind of number
        some = {name: v for name, v in direction.items() if (v.dtype, v.device) == kind}
        flat = torch.cat([v.reshape(-1) for v in some.values()])
        parts = torch.split(summed(flat) / world_size(), [v.numel() for v in some.values()])
        found.update({name: part.view_as(v) for (name, v), part in zip(some.items(), parts, strict=True)})
    return {name: found[name] for name in direction}


def gathered(item: Any) -> list[Any] | None:
    """What every rank has put in, in the order of ranks, on rank 0; None on the others. All ranks must call."""
    if world_size() == 1:
        return [item]
    items: list[Any] | None = [None] * world_size() if rank() == 0 else None
    dist.gather_object(item, items)
    return items
