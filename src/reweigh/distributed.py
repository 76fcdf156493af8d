"""The few things that ranks must agree on: the clean direction, the total of the weights, and whether a step can be taken.

`torch.autograd.grad` is not averaged by DistributedDataParallel, and each rank sees its own part of the batch. Where
`torch.distributed` is initialised, these functions make several ranks equal one rank with all of their batches; where it
is not, they return what they were given.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.nn.functional import all_reduce

from reweigh.errors import BadInput, NonFinite, Overflow
from reweigh.sharded import is_sharded

_KINDS = (Overflow, NonFinite, BadInput)
_ELSEWHERE = "another rank met a number or a label that cannot be used, and names it: no rank takes this step"
# Of the process, not of a thread: weights are worked out in the backward pass too, which has threads of its own.
_alone = _own_sums = False


def world_size() -> int:
    """How many ranks train together; 1 where `torch.distributed` is not initialised, and `alone`."""
    return dist.get_world_size() if not _alone and dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """This rank's number; 0 where `torch.distributed` is not initialised."""
    return dist.get_rank() if world_size() > 1 else 0


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Within the block this rank trains by itself, as if there were no other; these wait meanwhile, or do likewise."""
    global _alone
    before, _alone = _alone, True
    try:
        yield
    finally:
        _alone = before


@contextlib.contextmanager
def weights_over(where: str) -> Iterator[None]:
    """Within the block weights are normalised over the "global" batch of all ranks, or over each "rank"'s own part."""
    global _own_sums
    before, _own_sums = _own_sums, where == "rank"
    try:
        yield
    finally:
        _own_sums = before


def ranks_normalised() -> int:
    """Over how many ranks the weights of a batch are normalised together."""
    return 1 if _own_sums else world_size()


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


def largest(tensor: Tensor) -> Tensor:
    """The largest over ranks, of a tensor of shape (), without a gradient; NaN where one is."""
    tensor = tensor.detach()
    if world_size() > 1:
        both = torch.stack([tensor.nan_to_num(torch.inf), tensor.isnan().to(tensor)])
        dist.all_reduce(both, dist.ReduceOp.MAX)
        tensor = torch.where(both[1] > 0, torch.nan, both[0])
    return tensor


def anywhere(here: bool, device: torch.device) -> bool:
    """Whether something is so on any rank. All ranks must call."""
    if world_size() > 1:
        found = torch.tensor(int(here), device=device)
        dist.all_reduce(found, dist.ReduceOp.MAX)
        return bool(found)
    return here


def agree(error: NonFinite | BadInput | None, device: torch.device) -> None:
    """Raise this rank's error; where only another rank has one, or a worse one, raise one of its kind. All ranks must call.

    A rank that raised alone would leave the others waiting for it in the next sum over ranks; one that took for an overflow,
    which a smaller scale of the losses mends, what another knows to be none would go on alone.
    """
    if world_size() > 1:
        own = next((i for i, kind in enumerate(_KINDS, 1) if isinstance(error, kind)), 0)
        worst = torch.tensor(own, device=device)
        dist.all_reduce(worst, dist.ReduceOp.MAX)
        if (most := int(worst)) > own:
            error = _KINDS[most - 1](_ELSEWHERE if error is None else str(error))
    if error is not None:
        raise error


@contextlib.contextmanager
def together(device: torch.device) -> Iterator[None]:
    """What the block finds wrong with this rank's batch is raised on all ranks; nothing in it may wait for others."""
    error = None
    try:
        yield
    except _KINDS as found:
        error = found
    agree(error, device)


def averaged(direction: dict[str, Tensor]) -> dict[str, Tensor]:
    """The mean over ranks of a direction, in one message for each dtype. All ranks must have the same names.

    What is spread over ranks is one already: `fully_shard` averages as it scatters.
    """
    if world_size() == 1 or not direction:
        return direction
    found = {name: v for name, v in direction.items() if is_sharded(v)}
    own = {name: v for name, v in direction.items() if name not in found}
    for kind in dict.fromkeys((v.dtype, v.device) for v in own.values()):  # one message for each kind of number
        some = {name: v for name, v in own.items() if (v.dtype, v.device) == kind}
        flat = torch.cat([v.reshape(-1) for v in some.values()])
        parts = torch.split(summed(flat) / world_size(), [v.numel() for v in some.values()])
        found.update({name: part.view_as(v) for (name, v), part in zip(some.items(), parts, strict=True)})
    return {name: found[name] for name in direction}


def sizes(count: int, device: torch.device) -> list[int]:
    """What number every rank has given, in the order of ranks, on all of them. All ranks must call."""
    if world_size() == 1:
        return [count]
    mine = torch.tensor([count], device=device)
    found = [torch.zeros_like(mine) for _ in range(world_size())]
    dist.all_gather(found, mine)
    return [int(number) for number in torch.cat(found).tolist()]


def joined(tensor: Tensor) -> tuple[Tensor, slice]:
    """The tensors (n, ...) of all ranks one after the other, without a gradient; and where this rank's own stand there.

    The numbers of rows may differ. All ranks must call.
    """
    if world_size() == 1:
        return tensor, slice(0, len(tensor))
    tensor, counts = tensor.detach(), sizes(len(tensor), tensor.device)
    padded = torch.cat([tensor, tensor.new_zeros((max(counts) - len(tensor), *tensor.shape[1:]))])
    parts = [torch.empty_like(padded) for _ in counts]
    dist.all_gather(parts, padded)
    start = sum(counts[: rank()])
    whole = torch.cat([part[:count] for part, count in zip(parts, counts, strict=True)])
    return whole, slice(start, start + len(tensor))


def over_the_batch(of_batch: Callable[..., Tensor], *values: Tensor) -> Tensor:
    """What a function makes of the whole batch, from this rank's values (b, ...) to its part of it. All must call."""
    found = [joined(value) for value in values]
    return of_batch(*(whole for whole, _ in found))[found[0][1]]


def size_of_batch(count: int, device: torch.device) -> float:
    """Of a batch of which this rank has `count` examples: how many there are a rank, of those normalised together."""
    return count if ranks_normalised() == 1 else sum(sizes(count, device)) / world_size()


def is_elsewhere(error: BaseException) -> bool:
    """Whether an error says no more than that another rank has one."""
    return _ELSEWHERE in str(error)


def from_first(item: Any) -> Any:
    """What rank 0 has put in, on all ranks. All ranks must call."""
    if world_size() == 1:
        return item
    items = [item if rank() == 0 else None]
    dist.broadcast_object_list(items, src=0)
    return items[0]


def gathered(item: Any) -> list[Any] | None:
    """What every rank has put in, in the order of ranks, on rank 0; None on the others. All ranks must call."""
    if world_size() == 1:
        return [item]
    items: list[Any] | None = [None] * world_size() if rank() == 0 else None
    dist.gather_object(item, items)
    return items


def everywhere(item: Any) -> list[Any]:
    """What every rank has put in, in the order of ranks, on all of them. All ranks must call."""
    if world_size() == 1:
        return [item]
    items: list[Any] = [None] * world_size()
    dist.all_gather_object(items, item)
    return items
