"""Watching a forward pass for seams.

A `TorchFunctionMode` sees every operation of the pass. Operations among tensors that are free of examples run as they are,
parameters as dual numbers, so that low-rank adapters, normalised weights, temperatures and the like carry their tangents
along. Where a free tensor that requires gradients meets one that is not free, there is a seam.

What is refused, by name: train-mode batch normalisation behind a seam; examples that were rearranged by an index computed
from the batch before a seam; parameters written into a tensor by an assignment.
"""

from collections.abc import Callable, Hashable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge
from torch.overrides import TorchFunctionMode

from reweigh._torch import gradient_edge, tree_flatten, tree_unflatten, unpacked, without_forward_grad
from reweigh.alignment.ghost.attention import multi_head_attention
from reweigh.alignment.ghost.cannot_separate import CannotSeparate
from reweigh.alignment.ghost.cut import Call, by_forward_mode, by_rule, cut, operand
from reweigh.alignment.ghost.in_place import out_of_place
from reweigh.alignment.ghost.layers import OfLayer
from reweigh.alignment.ghost.mixing import Suspect, in_graph, kind_of, note_arange, suspect
from reweigh.alignment.ghost.origins import Origins, base_of, mark_rearranged, note_base, rearranged, tensors_in
from reweigh.alignment.ghost.rules import RULES
from reweigh.alignment.ghost.seam import Ledger, Seam, Stitch
from reweigh.alignment.refusal import short
from reweigh.alignment.switches import MATH_ATTENTION, switched
from reweigh.alignment.unfused import WRITTEN_OUT
from reweigh.walk import Walk

_ATTENTION = {F.scaled_dot_product_attention, F.multi_head_attention_forward}


class Watch(TorchFunctionMode):
    """The mode; `seams` is what it has found, `attached` where their outputs are in the model's graph.

    Args:
        walk: the model, with leaves or dual numbers in the parameters' places.
        ledger_of: asked when a gradient arrives.
        parameters: by the identity of what stands in its place, each parameter.
        kinds: added to: what kinds of calls there were.
    """

    def __init__(
        self,
        walk: Walk,
        ledger_of: Callable[[], Ledger | None],
        parameters: dict[int, Tensor],
        kinds: set[Hashable],
    ) -> None:
        super().__init__()
        self.coarse = False
        self._kinds, self._suspects = kinds, list[Suspect]()
        self.anchor = torch.zeros((), requires_grad=True)
        self.seams: list[Seam] = []
        self.attached: list[list[GradientEdge]] = []
        self._ledger_of, self._parameters = ledger_of, parameters
        self._origins = Origins(walk)
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
        tensors = tensors_in((args, kwargs) if kwargs else args)
        origins = [self._origins.of(t) for t in tensors]
        owner = next((o for o, t in zip(origins, tensors, strict=True) if o is not None and t.requires_grad), None)
        if not torch.is_grad_enabled():
            with without_forward_grad():
                out = func(*args, **kwargs)
        elif owner is None:
            out = self._without_parameters(func, args, kwargs, tensors, origins)
        elif None not in origins:
            out = self._among_parameters(func, args, kwargs, owner)
        else:
            self._kinds.add((kind_of(func, args, kwargs), owner))
            seams = len(self.seams)
            out = self._at_seam(func, args, kwargs, owner)
            self._note_bases(func, args, out, tensors, origins, seams)
            return out
        self._origins.note(out, tensors, origins)
        if None in origins:
            self._note_bases(func, args, out, tensors, origins, len(self.seams))
            if owner is None and torch.is_grad_enabled():
                self._kinds.add(kind_of(func, args, kwargs))
                before = self.seams[-1].label if self.seams else "the model's own forward"
                if (found := suspect(before, func, args, kwargs, out)) is not None:
                    self._suspects.append(found)
        else:
            note_arange(func, out)
        return out

    def forbid_mixing(self, losses: Tensor) -> bool:
        """Refuses what mixes the examples by what it is, now that it is known how many there are.

        Whether something may mix them (the mean of a sequence as long as the batch): all is proven in this pass then.

        Raises:
            CannotSeparate: naming the layer and the operation.
        """
        suspects = {found.node: found for found in self._suspects if found.rows == len(losses) > 1}
        self._suspects = []
        guilty = [suspects[node] for node in in_graph(losses, set(suspects))] if suspects else []
        for found in guilty:
            if found.plain:
                raise CannotSeparate(found.label, f"{found.name}() after it mixes the examples of a batch")
        return bool(guilty)

    def _note_bases(
        self,
        func: Callable[..., Any],
        args: tuple[Any, ...],
        out: Any,
        tensors: list[Tensor],
        origins: list[str | None],
        seams: int,
    ) -> None:
        of_examples = [t for t, origin in zip(tensors, origins, strict=True) if origin is None]
        note_base(func, args, out, of_examples)
        if len(self.seams) > seams:
            first = next(iter(tensors_in(out)), None)
            self.coarse |= first is not None and first.is_floating_point() and first.dtype.itemsize < 4
            for seam in self.seams[seams:]:
                seam.base = 0 if first is None else base_of(first)

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

    def _without_parameters(
        self,
        func: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        tensors: list[Tensor],
        origins: list[str | None],
    ) -> Any:
        if func is F.batch_norm and tensors[0].requires_grad:
            self._forbid_mixing(args, kwargs, next((o for o in origins if o), ""))
        out = func(*args, **kwargs)
        if self._origins.rearranges(func, args, kwargs) or any(rearranged(t) for t in tensors):
            mark_rearranged(out)
        return out

    def _among_parameters(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], owner: str
    ) -> Any:
        try:
            if func in WRITTEN_OUT:
                return WRITTEN_OUT[func](func, *args, **kwargs)
            with switched(MATH_ATTENTION if func in _ATTENTION else {}):  # of learned queries to one another, say
                return func(*args, **kwargs)
        except NotImplementedError as error:
            raise CannotSeparate(self._origins.label(owner), short(error)) from error

    def _at_seam(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], owner: str) -> Any:
        if func is F.multi_head_attention_forward:
            with self:
                found = multi_head_attention(*args, **kwargs)
            if found is not None:
                return found
        self._forbid(func, args, kwargs, owner)
        label = self._origins.label(owner)
        if (elsewhere := out_of_place(func)) is not None:
            if self._origins.of(args[0]) is not None:
                raise CannotSeparate(label, f"{func.__name__} writes examples into a tensor of parameters")
            return args[0].copy_(self._at_seam(elsewhere, (args[0].clone(), *args[1:]), kwargs, owner))
        call = cut(label, len(self.seams), func, args, kwargs, self._origins, self._parameters)
        rule = RULES.get(func)
        if rule is not None and (named := call.under_names_of(rule)) is not None:
            seam, outputs = by_rule(named[0], rule, named[1])
            return self._stitched(seam, outputs, call.inputs)[0]
        try:
            seam, outputs, rebuilt = by_forward_mode(call)
        except NotImplementedError as error:
            raise CannotSeparate(label, short(error)) from error
        return rebuilt(self._stitched(seam, outputs, call.inputs))

    def _layer_seam(
        self,
        own: OfLayer,
        module: nn.Module,
        params: Mapping[str, Tensor],
        call: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        label = self._origins.label(self._origins.of(next(iter(params.values()))) or "")
        flat, spec = tree_flatten((args, kwargs))
        inputs = tuple(t for t in flat if isinstance(t, Tensor))
        leaves = tuple(t.detach().requires_grad_(t.requires_grad) for t in inputs)
        standing = iter(leaves)
        args, kwargs = tree_unflatten([next(standing) if isinstance(t, Tensor) else t for t in flat], spec)
        operands = tuple(operand(p, name, self._parameters) for name, p in params.items())
        out = own.call(module, {o.name: o.leaf for o in operands}, call, args, kwargs)
        if not isinstance(out, Tensor):
            raise CannotSeparate(label, "a layer registered with ghost.layer must return one tensor")
        cut_out = Call(label, len(self.seams), call, args, kwargs, inputs, leaves, operands)
        seam = cut_out.seam([out], leading=[1], per_sample_grads=own.gradients(module, args), arguments={})
        stitched = self._stitched(seam, [out], inputs)[0]
        note_base(call, args, stitched, inputs)
        seam.base = base_of(stitched)
        return stitched

    def _stitched(self, seam: Seam, outputs: list[Tensor], inputs: tuple[Tensor, ...]) -> list[Tensor]:
        stitch: Any = Stitch.apply
        out: list[Tensor] = list(stitch(seam, self._ledger_of, [y.detach() for y in outputs], self.anchor, *inputs))
        self.attached.append([gradient_edge(y) for y in out])
        self.seams.append(seam)
        return out

    def _forbid(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], owner: str) -> None:
        """What a seam cannot be."""
        label, name = self._origins.label(owner), getattr(func, "__name__", "")
        if name == "__setitem__" or kwargs.get("out") is not None:
            raise CannotSeparate(label, "a parameter is written into a tensor of the examples, by assignment or out=")
        for t in tensors_in((args, kwargs)):
            if rearranged(t):
                raise CannotSeparate(label, "an index computed from the batch has rearranged the examples before it")
            if t.is_complex() and t.requires_grad:
                raise CannotSeparate(label, "its numbers are complex")
            if self._origins.of(t) is None and unpacked(t)[1] is not None:
                raise CannotSeparate(label, "a parameter was used before it by a function that PyTorch hides")
        if func is F.embedding and RULES[func].bind(args, kwargs).get("scale_grad_by_freq"):
            raise CannotSeparate(label, "scale_grad_by_freq divides by the word counts of the whole batch")
        if func is F.batch_norm and args and isinstance(args[0], Tensor) and args[0].requires_grad:
            self._forbid_mixing(args, kwargs, owner)

    def _forbid_mixing(self, args: tuple[Any, ...], kwargs: dict[str, Any], owner: str) -> None:
        if RULES[F.batch_norm].bind(args, kwargs).get("training"):
            raise CannotSeparate(self._origins.label(owner), "in train mode it mixes the examples of a batch")
