"""Where a tensor comes from: from parameters alone, or from the examples.

A tensor is *free of examples* if it is a parameter or a buffer, or was computed from such alone (or from nothing: a mask,
positions); it carries the name of the parameter that it comes from. And a tensor of examples may have been *rearranged* by
an index that was computed from the batch, as packed sequences and routed tokens are: then nobody can say which row is whose.

Its *base* is how many rows it was made from, by operations that made as many of each: a batch of B sequences of T words,
reshaped to B·T words, has the base B. Where the rows come as they are (bags of instances), or pieces of unequal length were
put together, the base is the number of rows itself, and nothing shows how many belong to an example.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from reweigh._torch import pack_padded_sequence
from reweigh.walk import Walk

_ORIGIN, _REARRANGED, _BASE = "_reweigh_origin", "_reweigh_rearranged", "_reweigh_base"
_PICKING = {Tensor.select, torch.select, Tensor.unbind, torch.unbind}
_SLICES = "narrow split chunk tensor_split split_with_sizes hsplit vsplit index_select unsafe_split unsafe_chunk"
_SLICING = {Tensor.__getitem__} | {
    getattr(place, name) for place in (torch, Tensor) for name in _SLICES.split() if hasattr(place, name)
}
_REPEATING = {Tensor.repeat_interleave, torch.repeat_interleave}
"""By as many as a tensor says, for each row its own number."""
_ALONG_A_DIMENSION = {torch.index_select, Tensor.index_select, torch.gather, Tensor.gather}
_REARRANGING = {torch.take, Tensor.take, torch.masked_select, Tensor.masked_select, pack_padded_sequence()}


class Origins:
    """What is known of the tensors of one pass of a module."""

    def __init__(self, walk: Walk) -> None:
        named = walk.tensors
        self._held = [t for _, t in named]  # a tensor that is gone could leave its identity to another
        self._names = {id(t): name for name, t in named}
        self._parts = walk.named

    def of(self, t: Tensor) -> str | None:
        """The name of the parameter or buffer that a free tensor comes from ("" for a constant); None if it is not free."""
        name = self._names.get(id(t))
        return getattr(t, _ORIGIN, None) if name is None else name

    def label(self, origin: str) -> str:
        """The layer that a parameter or buffer belongs to, as `name (Type)`."""
        name = origin.rpartition(".")[0]
        kind = type(self._parts.get(name, self._parts[""])).__name__
        return f"{name} ({kind})" if name else f"{kind}'s own forward"

    def note(self, out: Any, tensors: Sequence[Tensor], origins: Sequence[str | None]) -> None:
        """Marks what comes of free tensors alone; unmarks what an operation with examples has changed in place."""
        if None in origins:
            in_place = tensors[:1] if out is None else [t for t in tensors_in(out) if any(t is x for x in tensors)]
            for t in in_place:
                self._names.pop(id(t), None)
                t.__dict__.pop(_ORIGIN, None)
            return
        moving = (o for o, t in zip(origins, tensors, strict=True) if o and t.requires_grad)
        name = next(moving, "") or next((o for o in origins if o), "")
        for part in tensors_in(out):
            if id(part) not in self._names:
                setattr(part, _ORIGIN, name)

    def rearranges(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Whether the call takes along the first dimension what an index that depends on the examples says."""
        if func is Tensor.__getitem__:
            index = _first_index(args)
        elif func in _ALONG_A_DIMENSION:
            index = kwargs.get("index", args[-1])
            if kwargs.get("dim", args[1] if len(args) > 1 else 0) not in (0, -args[0].ndim):
                return False
        else:
            return func in _REARRANGING
        return isinstance(index, Tensor) and self.of(index) is None


def base_of(t: Tensor) -> int:
    """How many rows a tensor of examples was made from, evenly."""
    base: int = getattr(t, _BASE, t.shape[0] if t.ndim else 0)
    return base


def note_base(func: Callable[..., Any], args: tuple[Any, ...], out: Any, tensors: Sequence[Tensor]) -> None:
    """Carries the base of an operation's inputs on, where its output still has as many rows for each."""
    bases = {base_of(t) for t in tensors if t.ndim}
    if len(bases) != 1 or func in _PICKING or (func in _REPEATING and any(isinstance(a, Tensor) for a in args[1:])):
        return
    (base,) = bases
    if not base or (func is Tensor.__getitem__ and isinstance(_first_index(args), int)):
        return
    for part in (out,) if isinstance(out, Tensor) else tensors_in(out):
        whole = func not in _SLICING or _is_view(func, args) or _leaves_rows(tensors[0].shape, part.shape, base)
        if whole and part.ndim and part.shape[0] != base and any(size % base == 0 for size in part.shape):
            setattr(part, _BASE, base)


def _is_view(func: Callable[..., Any], args: tuple[Any, ...]) -> bool:
    """Whether an index takes everything, with a dimension more."""
    if func is not Tensor.__getitem__:
        return False
    parts = args[1] if isinstance(args[1], tuple) else (args[1],)
    return all(part is None or part is Ellipsis or (isinstance(part, slice) and part == slice(None)) for part in parts)


def _leaves_rows(before: Sequence[int], after: Sequence[int], base: int) -> bool:
    """Whether a slice has left every dimension as long as it was that may hold the rows."""
    if len(before) != len(after):
        return before[0] == after[0]
    if before[0] == after[0] and before[0] % base == 0 and base not in before[1:]:
        return True  # the rows are in the first dimension: features were parted, as queries, keys and values are
    return all(size % base != 0 or left == size for size, left in zip(before, after, strict=True))


def _first_index(args: tuple[Any, ...]) -> Any:
    return args[1][0] if isinstance(args[1], tuple) and args[1] else args[1]


def rearranged(t: Tensor) -> bool:
    """Whether it comes from rearranged examples."""
    return hasattr(t, _REARRANGED)


def mark_rearranged(out: Any) -> None:
    """Marks all tensors of an operation's output."""
    for part in tensors_in(out):
        setattr(part, _REARRANGED, True)


def tensors_in(value: Any) -> list[Tensor]:
    """The tensors in nested tuples, lists and dictionaries; asked of every operation, so what holds none is passed over."""
    if isinstance(value, Tensor):
        return [value]
    found: list[Tensor] = []
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, tuple | list) else ():
        kind = part.__class__
        if kind is Tensor or kind is nn.Parameter:
            found += (part,)
        elif kind not in _WITHOUT:
            found += tensors_in(part)
    return found


_WITHOUT = frozenset({int, float, bool, str, type(None), slice, torch.dtype, torch.device})
