"""Parameters that are spread over ranks by `torch.distributed.fsdp.fully_shard`.

Each rank holds its part of every parameter (a DTensor), and the hooks of `fully_shard` put the whole one in its place while
a layer computes. A direction is held in the same way. What is worked out coordinate by coordinate (an optimizer's step, a
running mean) is worked out by each rank on its part; norms and products are summed over the ranks; and a pass is given what
stands beside a layer's parameters when these are gathered.
"""

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from reweigh import _torch
from reweigh.undo import ForAWhile, lent

MakesStandIn = Callable[[str, Tensor], Tensor]
"""From a parameter's name and what is gathered of it to what the pass is to compute with."""


def is_sharded(t: object) -> bool:
    """Whether a tensor is spread over ranks."""
    tensors = sys.modules.get("torch.distributed.tensor")  # not imported: then there is none
    return tensors is not None and isinstance(t, tensors.DTensor)


def local(t: Tensor) -> Tensor:
    """This rank's part of a tensor, by its own storage; a tensor that is whole as it is."""
    found: Any = t.detach() if t.requires_grad else t
    return found.to_local() if is_sharded(t) else found  # type: ignore[no-any-return]


def like(values: Tensor, t: Tensor) -> Tensor:
    """A rank's part as the part of a tensor that is spread as `t` is; as it is where `t` is whole."""
    if not is_sharded(t) or is_sharded(values):
        return values
    spread: Any = t
    wrapped: Tensor = type(spread.detach()).from_local(
        values, spread.device_mesh, spread.placements, run_check=False, shape=t.shape, stride=t.stride()
    )
    return wrapped


def spread_as(values: Tensor, t: Tensor) -> Tensor:
    """This rank's part of a whole tensor that all ranks have, where `t` is spread."""
    if not is_sharded(t) or is_sharded(values):
        return values
    from torch.distributed.tensor import distribute_tensor

    spread: Any = t
    return distribute_tensor(values.to(t.device), spread.device_mesh, spread.placements, src_data_rank=None)


def mean_spread_as(values: Tensor, t: Tensor) -> Tensor:
    """Where `t` is spread, this rank's part of the mean over ranks of what each has of the whole of it. All must call."""
    if is_sharded(t) and not is_sharded(values):
        values = values.clone()
        dist.all_reduce(values)
        values = values / dist.get_world_size()
    return spread_as(values, t)


def whole(t: Tensor, dtype: torch.dtype) -> Tensor:
    """The whole of a tensor, in this type, gathered from all ranks. All of them must call."""
    found: Any = t.detach().to(dtype)
    return found.full_tensor() if is_sharded(found) else found  # type: ignore[no-any-return]


def whole_copy(item: Any) -> Any:
    """What is spread over ranks whole, on the CPU; all else as it is. All ranks must call where anything is."""
    return whole(item, item.dtype).cpu() if is_sharded(item) else item


def norms(tensors: Sequence[Tensor], dtype: torch.dtype | None = None) -> Tensor:
    """‖t‖ of each, (len(tensors),). All ranks must call."""
    found = _torch.norms([p.abs() if p.is_complex() else p for p in map(local, tensors)], dtype)
    if not any(map(is_sharded, tensors)):
        return found
    return over_shards(found.square(), tensors).sqrt()


def size(tensors: Sequence[Tensor]) -> float:
    """The norm of all together, in float64. All ranks must call."""
    return float(norms(tensors, torch.float64).norm()) if tensors else 0.0


def product(one: Tensor, other: Tensor) -> float:
    """⟨g, v⟩ in float64, the real part where they are complex. All ranks must call."""
    wide = torch.complex128 if one.is_complex() else torch.float64
    found = (local(one).to(wide) * local(other).to(wide).conj()).sum().real
    return float(over_shards(found.reshape(1), [one]))


def anything(t: Tensor) -> bool:
    """Whether there is a number in it that is not zero. All ranks must call."""
    return bool(over_shards(local(t).any().reshape(1).float(), [t]))


def differ(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors, spread alike, have other numbers somewhere. All ranks must call."""
    return bool(over_shards((local(one) != local(other)).any().reshape(1).float(), [one]))


def finite(t: Tensor) -> bool:
    """Whether all numbers in it are finite. All ranks must call."""
    return not bool(over_shards((~local(t).isfinite()).any().reshape(1).float(), [t]))


def over_shards(numbers: Tensor, of: Sequence[Tensor]) -> Tensor:
    """Numbers (n,) that each rank has found in its parts of n tensors, summed over these; of whole tensors as they are."""
    spread: list[Any] = [t for t in of if is_sharded(t)]
    if not spread:
        return numbers
    chosen = torch.tensor([is_sharded(t) for t in of], device=numbers.device)
    found = numbers[chosen]
    mesh, placements = spread[0].device_mesh, spread[0].placements
    for dim, placement in enumerate(placements):
        if placement.is_shard():
            dist.all_reduce(found, group=mesh.get_group(dim))
    return numbers.masked_scatter(chosen, found)


# Modules


def parts_of(modules: Iterable[nn.Module]) -> list[nn.Module]:
    """Those among the modules to which `fully_shard` was applied."""
    kind = getattr(sys.modules.get("torch.distributed.fsdp"), "FSDPModule", None)
    return [] if kind is None else [module for module in modules if isinstance(module, kind)]


def why_not(parts: Sequence[nn.Module], p: Tensor) -> str:
    """Why a parameter that is spread over ranks cannot take part; empty where it can."""
    record = next((record for record in _torch.shard_records(parts) if record.sharded_param is p), None)
    if record is None:
        return "is a DTensor that fully_shard does not know of, as those of tensor parallelism are"
    spread: Any = p
    if record.is_dtensor:
        return "is spread by tensor parallelism too"
    if record.offload_to_cpu:
        return "is kept on the CPU by CPUOffloadPolicy"
    if spread.device_mesh.size() != dist.get_world_size():
        return f"is spread over {spread.device_mesh.size()} of {dist.get_world_size()} ranks"
    return ""


def originals(parts: Sequence[nn.Module]) -> dict[int, nn.Parameter]:
    """By the identity of what stands in its place while it is gathered, each parameter."""
    found = ((record, _torch.gathered_for(record)) for record in _torch.shard_records(parts))
    return {id(gathered): record.sharded_param for record, gathered in found if gathered is not None}


def gradients(
    parts: Sequence[nn.Module],
    outputs: Tensor,
    params: Sequence[Tensor],
    weights: Tensor | None = None,
    *,
    keep_graph: bool = False,
) -> tuple[Tensor | None, ...]:
    """The gradients of the (weighted) outputs, spread as the parameters are: means over ranks. All must call.

    An ordinary backward pass, since only that scatters them; `.grad` is left as found. The gradients of parameters that
    are whole are each rank's own.
    """
    with _set_for_a_while([*_torch.as_if_first(parts), *((p, "grad", None) for p in params)]):
        torch.autograd.backward(outputs, weights, retain_graph=keep_graph)
        return tuple(p.grad for p in params)


class _set_for_a_while(ForAWhile):
    """Within the block these attributes of these owners have these values, and those from before afterwards."""

    def __init__(self, wanted: Sequence[tuple[Any, str, Any]]) -> None:
        self._wanted = wanted

    def change(self) -> None:
        """All are noted before any is set."""
        found = [(owner, name, getattr(owner, name)) for owner, name, _ in self._wanted]

        def put_back() -> None:
            for owner, name, value in found:
                setattr(owner, name, value)

        lent(put_back)
        for owner, name, value in self._wanted:
            setattr(owner, name, value)


def left_alone(parts: Sequence[nn.Module]) -> ForAWhile:
    """Within the block backward passes gather no parameter: something else stands in the places of all."""
    return _set_for_a_while(_torch.not_gathered_again(parts))
