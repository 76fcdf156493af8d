"""Operations that mix the examples of a batch, seen as they are called.

The adjoint identity finds what mixes examples at the batch of a check. What may mix at another one (mixup with a factor that
happens to be one, a term whose coefficient starts at zero) is refused by what it is: a reduction, a sort, a shift or an
index along the dimension of the examples, or of the whole tensor at once, through which the losses' gradient flows. Where
that cannot be told from the shapes, and for what joins rows or works along later dimensions, all is proven in that pass.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from reweigh.alignment.ghost.origins import base_of
from reweigh.passes import graph_of

_NAMES = (
    "mean sum var std var_mean std_mean norm logsumexp softmax log_softmax softmin amax amin max min median mode cumsum "
    "cumprod logcumsumexp sort topk kthvalue prod roll flip nanmean nansum normalize "
    "cosine_similarity index_select gumbel_softmax"
)
_PRODUCTS = "mm matmul __matmul__ cdist"


def _functions(names: str) -> set[Callable[..., Any]]:
    places = (torch, Tensor, F, torch.linalg, torch.special)
    return {getattr(place, name) for place in places for name in names.split() if hasattr(place, name)}


_ALONG = _functions(_NAMES) | {torch.linalg.vector_norm, Tensor.__getitem__}
_BETWEEN = _functions(_PRODUCTS) | {torch.mm, torch.matmul, F.linear}
_JOINING = _functions(
    "cat concat concatenate hstack vstack index_add scatter_add index_copy scatter index_put scatter_reduce"
)
_WITHIN = _functions("bmm matmul __matmul__ baddbmm scaled_dot_product_attention conv1d conv2d conv3d") | _functions(
    "avg_pool1d avg_pool2d max_pool1d max_pool2d"
)
"""These mix along dimensions after the first."""
_ARANGE = "_reweigh_arange"


class Suspect(NamedTuple):
    """A call that mixes rows, if they are the examples.

    Attributes:
        label: the layer before it.
        name: what was called.
        rows: how many rows there were.
        plain: whether no other dimension is as long, so that these rows are the examples if they are as many.
        node: where its output is in the graph.
    """

    label: str
    name: str
    rows: int
    plain: bool
    node: Any


def kind_of(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What a check vouches for when it has seen this call: the operation, and along which dimensions where that matters."""
    if func is Tensor.__getitem__:
        index = args[1]
        parts = index if isinstance(index, tuple) else (index,)
        return func, tuple(type(part).__name__ for part in parts)
    if func in _ALONG:
        return func, args[0].ndim if args and isinstance(args[0], Tensor) else None, repr(_dims(func, args, kwargs))
    return func


def note_arange(func: Callable[..., Any], out: Any) -> None:
    """An index that counts through leaves every row in its place."""
    if func is torch.arange:
        setattr(out, _ARANGE, True)


def suspect(
    label: str, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], out: Any
) -> Suspect | None:
    """What is suspicious about a call among examples, if anything."""
    first = out[0] if isinstance(out, tuple) and out else out
    if not isinstance(first, Tensor) or not first.requires_grad or not args:
        return None
    name = getattr(func, "__name__", "an operation")
    if func in _JOINING and first.ndim and _joins_rows(func, args, kwargs):
        return Suspect(label, name, first.shape[0], False, first.grad_fn)
    if (rows := _elsewhere(func, args)) is not None:
        return Suspect(label, name, rows, False, first.grad_fn)
    if not isinstance(args[0], Tensor):
        return None
    source = args[0]
    whole = first.ndim == 0 and source.ndim > 0 and source.numel() > 1
    if not (whole or (func in _ALONG and _along_rows(func, args, kwargs)) or (func in _BETWEEN and _outer(args))):
        return None
    rows = base_of(source)
    return Suspect(label, name, rows, whole or source.shape.count(rows) <= 1, first.grad_fn)


def _along_rows(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    source = args[0]
    if not source.requires_grad or source.ndim == 0 or source.shape[0] != base_of(source):
        return False
    if func is Tensor.__getitem__:
        index = args[1][0] if isinstance(args[1], tuple) and args[1] else args[1]
        return isinstance(index, Tensor) and index.dtype != torch.bool and not hasattr(index, _ARANGE)
    return any(
        isinstance(d, int) and not isinstance(d, bool) and d in (0, -source.ndim) for d in _dims(func, args, kwargs)
    )


def _dims(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
    """Along which dimensions a call works, as far as it says so."""
    third = args[2] if func.__name__ == "roll" and len(args) > 2 else _second(args)
    dims = kwargs.get("dim", kwargs.get("dims", third))
    return tuple(dims) if isinstance(dims, tuple | list) else (dims,)


def _joins_rows(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether pieces come together along the first dimension: channels and class tokens are joined along others."""
    if func.__name__ == "vstack":
        return True
    if func.__name__ == "hstack":
        return bool(args[0]) and args[0][0].ndim == 1
    dim = kwargs.get("dim", next((a for a in args[1:] if isinstance(a, int)), 0))
    return dim == 0 or (isinstance(args[0], Tensor) and dim == -args[0].ndim)


def _elsewhere(func: Callable[..., Any], args: tuple[Any, ...]) -> int | None:
    """How many rows there are, if they lie where this call mixes: not in the first dimension, or summed by a product."""
    if func is torch.einsum:
        return _summed_over(args)
    if func not in _WITHIN:
        return None
    for place, t in enumerate(args[:3]):
        if isinstance(t, Tensor) and t.requires_grad and t.ndim:
            summed = place == 1 and t.ndim == 2 and t.shape[0] == base_of(t)  # A @ h
            if summed or t.shape[0] % base_of(t) != 0:
                return base_of(t)
    return None


def _summed_over(args: tuple[Any, ...]) -> int | None:
    if not isinstance(args[0], str) or "->" not in args[0]:
        return None
    inputs, output = args[0].replace(" ", "").split("->")
    operands = args[1] if len(args) == 2 and isinstance(args[1], tuple | list) else args[1:]
    for letters, t in zip(inputs.split(","), operands, strict=False):
        if t.requires_grad and t.ndim and letters[:1] != output[:1]:
            return int(t.shape[0])
    return None


def _second(args: tuple[Any, ...]) -> Any:
    return next((a for a in args[1:] if isinstance(a, int | tuple | list) and not isinstance(a, bool)), None)


def _outer(args: tuple[Any, ...]) -> bool:
    """A product of two matrices of examples compares each with each."""
    two = len(args) > 1 and isinstance(args[1], Tensor) and args[0].ndim == args[1].ndim == 2
    return bool(two and args[0].requires_grad and base_of(args[0]) == base_of(args[1]))


def in_graph(losses: Tensor, nodes: set[Any]) -> set[Any]:
    """Those of the nodes that the losses' gradient comes by."""
    left = set(nodes)
    for node in graph_of([losses]):
        left.discard(node)
        if not left:
            break
    return nodes - left
