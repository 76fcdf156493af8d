"""Watching a forward pass for seams.

A `TorchFunctionMode` sees every operation of the pass. A tensor is *free of examples* if it is a parameter or a buffer, or
was computed from such alone (or from nothing: a mask, positions); it carries the name of the parameter that it comes from.
Operations among free tensors run as they are, parameters as dual numbers, so that low-rank adapters, normalised weights,
temperatures and the like carry their tangents along. Where a free tensor that requires gradients meets one that is not
free, there is a seam.

What is refused, by name: train-mode batch normalisation behind a seam; examples that were rearranged by an index computed
from the batch (packed sequences, routing) before a seam; parameters written into a tensor in place.
"""

import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
import torch.autograd.forward_ad as forward_ad
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.forward_ad import make_dual, unpack_dual
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten

from reweigh.alignment.ghost.attention import multi_head_attention
from reweigh.alignment.ghost.layers import OfLayer
from reweigh.alignment.ghost.products import Rule
from reweigh.alignment.ghost.rules import RULES
from reweigh.alignment.ghost.seam import Ledger, Operand, Seam, Stitch
from reweigh.alignment.refusal import short
from reweigh.alignment.unfused import WRITTEN_OUT

_OUT_OF_PLACE = {
    Tensor.__iadd__: operator.add,
    Tensor.__isub__: operator.sub,
    Tensor.__imul__: operator.mul,
    Tensor.__itruediv__: operator.truediv,
}
_ORIGIN, _REARRANGED = "_reweigh_origin", "_reweigh_rearranged"


class Unfit(Exception):
    """The engine cannot be exact here: the label of the layer, and why."""

    def __init__(self, label: str, why: str) -> None:
        super().__init__(f"{label}: {why}")
        self.label, self.why = label, why


class Watch(TorchFunctionMode):
    """The mode; `seams` is what it has found.

    Args:
        module: the model, with leaves or dual numbers in the parameters' places.
        ledger_of: asked when a gradient arrives.
        parameters: by the identity of what stands in its place, each parameter.
    """

    def __init__(
        self, module: nn.Module, ledger_of: Callable[[], Ledger | None], parameters: Mapping[int, Tensor]
    ) -> None:
        super().__init__()
        self.anchor = torch.zeros((), requires_grad=True)
        self.seams: list[Seam] = []
        self._ledger_of = ledger_of
        self._names = {id(t): name for name, t in _tensors_of(module)}
        self._parts = dict(module.named_modules())
        self._parameters = parameters
        self._inside_layer = False

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Called by PyTorch for every operation within the block."""
        kwargs = kwargs or {}
        if self._inside_layer:
            return func(*args, **kwargs)
        if func.__name__ == "__get__" and not isinstance(out := func(*args, **kwargs), Tensor):
            return out  # shape, dtype and the like; a transpose is an operation like any other
        tensors = list(_tensors_in((args, kwargs)))
        origins = [self._origin(t) for t in tensors]
        if not torch.is_grad_enabled():
            with forward_ad._set_fwd_grad_enabled(False):
                return self._noted(func(*args, **kwargs), tensors, origins)
        owners = [o for o, t in zip(origins, tensors, strict=True) if o is not None and t.requires_grad]
        if not owners:
            return self._plain(func, args, kwargs, tensors, origins)
        if None not in origins:
            return self._noted(self._among_parameters(func, args, kwargs, owners[0]), tensors, origins)
        if func is F.multi_head_attention_forward:
            with self:
                found = multi_head_attention(*args, **kwargs)
            if found is not None:
                return found
        return self._seam(func, args, kwargs, owners[0])

    def layer(
        self, own: OfLayer, module: nn.Module, call: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """A call of a module whose class the user has registered: one seam, whatever goes on inside."""
        params = {name: p for name, p in module.named_parameters() if p.requires_grad}
        if not params or not torch.is_grad_enabled() or self._inside_layer:
            return call(*args, **kwargs)
        self._inside_layer = True
        try:
            return self._layer_seam(own, module, params, call, args, kwargs)
        finally:
            self._inside_layer = False

    def _plain(
        self,
        func: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        tensors: list[Tensor],
        origins: list[str | None],
    ) -> Any:
        if func is F.batch_norm and tensors[0].requires_grad:
            self._forbid_mixing(args, kwargs, next((o for o in origins if o), ""))
        out = self._noted(func(*args, **kwargs), tensors, origins)
        if _rearranges(func, args, kwargs, self._origin) or any(hasattr(t, _REARRANGED) for t in tensors):
            for part in _tensors_in(out):
                setattr(part, _REARRANGED, True)
        return out

    def _among_parameters(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], owner: str
    ) -> Any:
        try:
            return WRITTEN_OUT[func](func, *args, **kwargs) if func in WRITTEN_OUT else func(*args, **kwargs)
        except NotImplementedError as error:
            raise Unfit(self.label(owner), short(error)) from error

    def _seam(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], owner: str) -> Any:
        rule = RULES.get(func)
        func = _OUT_OF_PLACE.get(func, func)
        self._forbid(func, args, kwargs, owner)
        flat, spec = tree_flatten((args, kwargs))
        inputs: dict[int, tuple[Tensor, Tensor]] = {}
        operands: dict[int, Operand] = {}
        for index, t in enumerate(flat):
            if not isinstance(t, Tensor):
                continue
            if self._origin(t) is None:
                flat[index] = inputs.setdefault(id(t), (t, _cut(t)))[1]
            elif t.requires_grad:
                flat[index] = operands.setdefault(id(t), self._operand(t, str(index))).leaf
        args, kwargs = tree_unflatten(flat, spec)
        named = None if rule is None else _named(rule, rule.bind(args, kwargs), operands)
        if rule is None or named is None:
            return self._by_forward_mode(func, args, kwargs, inputs, operands, owner)
        operands, arguments = named
        special = rule.run(arguments) if rule.run is not None and len(operands) == len(rule.parameters) else None
        out, saved = (func(*args, **kwargs), ()) if special is None else special
        seam = Seam(
            self.label(owner), len(self.seams), func, [leaf for _, leaf in inputs.values()], list(operands.values()),
            [out], leading=[rule.leading_of(out)], own=rule.own, arguments=arguments,
            together=None if special is None or rule.together is None else (rule.together, saved),
        )  # fmt: skip
        return self._stitched(seam, [out], [x for x, _ in inputs.values()])[0]

    def _by_forward_mode(
        self,
        func: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        inputs: Mapping[int, tuple[Tensor, Tensor]],
        operands: Mapping[int, Operand],
        owner: str,
    ) -> Any:
        """No rule of ours: PyTorch's own says how the outputs move, inputs held still."""
        by_leaf = {id(o.leaf): o for o in operands.values() if o.tangent is not None}

        def dual(t: Any) -> Any:
            return make_dual(t, by_leaf[id(t)].tangent) if id(t) in by_leaf else t

        try:
            args, kwargs = tree_map(dual, (args, kwargs))
            found = WRITTEN_OUT[func](func, *args, **kwargs) if func in WRITTEN_OUT else func(*args, **kwargs)
        except NotImplementedError as error:
            raise Unfit(self.label(owner), short(error)) from error
        flat, spec = tree_flatten(found)
        places = [k for k, y in enumerate(flat) if isinstance(y, Tensor) and y.requires_grad]
        both = [unpack_dual(flat[k]) for k in places]
        outputs = [primal for primal, _ in both]
        seam = Seam(
            self.label(owner), len(self.seams), func, [leaf for _, leaf in inputs.values()], list(operands.values()),
            outputs, tangents=[None if t is None else t.detach() for _, t in both],
        )  # fmt: skip
        for k, y in zip(places, self._stitched(seam, outputs, [x for x, _ in inputs.values()]), strict=True):
            flat[k] = y
        return tree_unflatten(flat, spec)

    def _layer_seam(
        self,
        own: OfLayer,
        module: nn.Module,
        params: Mapping[str, Tensor],
        call: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        flat, spec = tree_flatten((args, kwargs))
        inputs = [t for t in flat if isinstance(t, Tensor)]
        leaves = [_cut(t) for t in inputs]
        standing = iter(leaves)
        args, kwargs = tree_unflatten([next(standing) if isinstance(t, Tensor) else t for t in flat], spec)
        operands = [self._operand(p, name) for name, p in params.items()]
        out = own.call(module, {o.name: o.leaf for o in operands}, call, args, kwargs)
        label = self.label(self._origin(next(iter(params.values()))) or "")
        if not isinstance(out, Tensor):
            raise Unfit(label, "a registered layer must return one tensor")
        seam = Seam(
            label, len(self.seams), call, leaves, operands, [out],
            own=own.gradients(module, args), arguments={"input": args[0] if args else None},
        )  # fmt: skip
        return self._stitched(seam, [out], inputs)[0]

    def _operand(self, t: Tensor, name: str) -> Operand:
        primal, tangent = unpack_dual(t)
        whole = self._parameters.get(id(t), primal)
        return Operand(name, whole, primal.detach().requires_grad_(), None if tangent is None else tangent.detach())

    def _stitched(self, seam: Seam, outputs: list[Tensor], inputs: list[Tensor]) -> list[Tensor]:
        values = [y.detach() for y in outputs]
        out = list(Stitch.apply(seam, self._ledger_of, values, self.anchor, *inputs))
        seam.attached = [torch.autograd.graph.get_gradient_edge(y) for y in out]
        self.seams.append(seam)
        return out

    def _forbid(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], owner: str) -> None:
        """What a seam cannot be."""
        name = getattr(func, "__name__", "")
        if name == "__setitem__" or (name.endswith("_") and not name.endswith("__")) or kwargs.get("out") is not None:
            raise Unfit(self.label(owner), f"{name} writes a parameter into a tensor of the examples in place")
        for t in _tensors_in((args, kwargs)):
            if hasattr(t, _REARRANGED):
                raise Unfit(self.label(owner), "an index computed from the batch has rearranged the examples before it")
            if self._origin(t) is None and unpack_dual(t).tangent is not None:
                raise Unfit(self.label(owner), "a parameter was used before it by a function that PyTorch hides")
        if func is F.embedding and RULES[func].bind(args, kwargs).get("scale_grad_by_freq"):
            raise Unfit(self.label(owner), "scale_grad_by_freq divides by the word counts of the whole batch")
        if func is F.batch_norm and args and isinstance(args[0], Tensor) and args[0].requires_grad:
            self._forbid_mixing(args, kwargs, owner)

    def _forbid_mixing(self, args: tuple[Any, ...], kwargs: dict[str, Any], owner: str) -> None:
        if RULES[F.batch_norm].bind(args, kwargs).get("training"):
            raise Unfit(self.label(owner), "in train mode it mixes the examples of a batch")

    def label(self, origin: str) -> str:
        """The layer that a parameter or buffer belongs to, as `name (Type)`."""
        name = origin.rpartition(".")[0]
        kind = type(self._parts.get(name, self._parts[""])).__name__
        return f"{name} ({kind})" if name else f"{kind}'s own forward"

    def _origin(self, t: Tensor) -> str | None:
        name = self._names.get(id(t))
        return getattr(t, _ORIGIN, None) if name is None else name

    def _noted(self, out: Any, tensors: list[Tensor], origins: list[str | None]) -> Any:
        """Marks what comes of free tensors alone; unmarks what an operation with examples has changed in place."""
        free = None not in origins
        if not free and isinstance(out, Tensor) and not any(out is t for t in tensors):
            return out
        if free:
            name = next((o for o, t in zip(origins, tensors, strict=True) if o and t.requires_grad), "")
            name = name or next((o for o in origins if o), "")
            for part in _tensors_in(out):
                if id(part) not in self._names:
                    setattr(part, _ORIGIN, name)
        else:
            changed = [t for t in _tensors_in(out) if any(t is x for x in tensors)] if out is not None else tensors[:1]
            for t in changed:
                self._names.pop(id(t), None)
                t.__dict__.pop(_ORIGIN, None)
        return out


def _tensors_of(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    for prefix, part in module.named_modules():
        for leaf, t in [*part._parameters.items(), *part._buffers.items()]:
            if t is not None:
                yield f"{prefix}.{leaf}" if prefix else leaf, t


def _tensors_in(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, tuple | list):
        for part in value:
            yield from _tensors_in(part)
    elif isinstance(value, dict):
        for part in value.values():
            yield from _tensors_in(part)


def _cut(t: Tensor) -> Tensor:
    return t.detach().requires_grad_(t.requires_grad)


def _named(
    rule: Rule, arguments: dict[str, Any], operands: Mapping[int, Operand]
) -> tuple[dict[int, Operand], dict[str, Any]] | None:
    """The operands under the rule's names for them, if they are where the rule has its parameters and nowhere else."""
    names = {id(value): name for name, value in arguments.items() if isinstance(value, Tensor)}
    found = {}
    for key, o in operands.items():
        name = names.get(id(o.leaf), "")
        if name not in rule.parameters:
            return None
        found[key] = Operand(name, o.whole, o.leaf, o.tangent)
    return found, arguments


_INDEXING = {Tensor.__getitem__, torch.index_select, Tensor.index_select, torch.gather, Tensor.gather, torch.take,
             torch.masked_select, Tensor.masked_select, Tensor.take, torch._pack_padded_sequence}  # fmt: skip


def _rearranges(
    func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], origin: Callable[[Tensor], str | None]
) -> bool:
    """Whether the call takes along the first dimension what an index that depends on the examples says."""
    if func not in _INDEXING:
        return False
    if func is Tensor.__getitem__:
        index = args[1][0] if isinstance(args[1], tuple) and args[1] else args[1]
        return isinstance(index, Tensor) and origin(index) is None
    if func in (torch.index_select, Tensor.index_select, torch.gather, Tensor.gather):
        dim, index = kwargs.get("dim", args[1] if len(args) > 1 else 0), kwargs.get("index", args[-1])
        return dim in (0, -args[0].ndim) and isinstance(index, Tensor) and origin(index) is None
    return True
