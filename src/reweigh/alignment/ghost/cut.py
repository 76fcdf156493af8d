"""Cutting one call out of the graph: leaves for what comes from the examples, leaves for the parameters."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.autograd.forward_ad import make_dual

from reweigh._torch import saves_by_hooks, tree_flatten, tree_map, tree_unflatten, unpacked
from reweigh.alignment.ghost.origins import Origins
from reweigh.alignment.ghost.products import Arguments, ProductRule
from reweigh.alignment.ghost.seam import CallFacts, Operand, Seam
from reweigh.alignment.switches import MATH_ATTENTION, switched
from reweigh.alignment.unfused import WRITTEN_OUT


@dataclass(frozen=True)
class Call:
    """A call ready to be made by itself.

    Attributes:
        label: the layer, for messages.
        number: which seam of the pass this becomes.
        args, kwargs: with leaves in the tensors' places.
        inputs: what comes from the examples, as the model has it, and the leaves that stand for it.
        operands: the parameters.
    """

    label: str
    number: int
    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    inputs: tuple[Tensor, ...]
    leaves: tuple[Tensor, ...]
    operands: tuple[Operand, ...]

    def under_names_of(self, rule: ProductRule) -> tuple["Call", Arguments] | None:
        """With the operands named as the rule names them; None if they are not where the rule has its parameters."""
        arguments = rule.bind(self.args, self.kwargs)
        names = {id(value): name for name, value in arguments.items() if isinstance(value, Tensor)}
        operands = tuple(replace(o, name=names.get(id(o.leaf), "")) for o in self.operands)
        if any(o.name not in rule.parameters for o in operands):
            return None
        return replace(self, operands=operands), arguments

    def seam(self, outputs: list[Tensor], **facts: Any) -> Seam:
        """The seam that the call becomes."""
        return Seam(self.label, self.number, self.function, self.leaves, self.operands, outputs, CallFacts(**facts))


def cut(
    label: str,
    number: int,
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    origins: Origins,
    parameters: Mapping[int, Tensor],
) -> Call:
    """The call with leaves in the tensors' places, one leaf a tensor; constants stay as they are."""
    inputs: dict[int, Tensor] = {}
    leaves: dict[int, Tensor] = {}
    operands: dict[int, Operand] = {}

    def standing_for(t: Tensor) -> Tensor:
        key = id(t)
        if origins.of(t) is None:
            inputs[key] = t
            return leaves.setdefault(key, t.detach().requires_grad_(t.requires_grad))
        if t.requires_grad:
            if key not in operands:
                operands[key] = operand(t, str(len(operands)), parameters)
            return operands[key].leaf
        return t

    args, kwargs = mapped(standing_for, (args, kwargs))
    found = tuple(inputs.values()), tuple(leaves.values()), tuple(operands.values())
    return Call(label, number, function, args, kwargs, *found)


def mapped(change: Callable[[Tensor], Tensor], value: Any) -> Any:
    """The value with each tensor in it changed: `tree_map`, but fast for the arguments that most calls have."""
    if isinstance(value, Tensor):
        return change(value)
    if type(value) in (tuple, list):
        return type(value)(mapped(change, part) for part in value)
    if type(value) is dict:
        return {name: mapped(change, part) for name, part in value.items()}
    if value is None or isinstance(value, int | float | str):
        return value
    return tree_map(lambda t: change(t) if isinstance(t, Tensor) else t, value)


def operand(t: Tensor, name: str, parameters: Mapping[int, Tensor]) -> Operand:
    """A parameter, or what was made of parameters, as one call sees it."""
    primal, tangent = unpacked(t)
    whole = parameters.get(id(t), primal)
    return Operand(name, whole, primal.detach().requires_grad_(), None if tangent is None else tangent.detach())


def by_rule(call: Call, rule: ProductRule, arguments: Arguments) -> tuple[Seam, list[Tensor]]:
    """The call made, where a rule of ours says how its output moves."""
    grads = rule.per_sample_grads
    if rule.kernels is not None and len(call.inputs) == 1 and _as_written(call) and rule.kernels.fit(arguments):
        with torch.no_grad():
            out = call.function(*call.args, **call.kwargs)
        leading = [rule.leading_of(out)]
        return call.seam([out], leading=leading, per_sample_grads=grads, arguments=arguments, kernels=rule.kernels), [
            out
        ]
    every = len(call.operands) == len(rule.parameters)
    special = rule.run(arguments) if rule.run is not None and every else None
    out, saved = (call.function(*call.args, **call.kwargs), ()) if special is None else special
    together = None if special is None or rule.together is None else (rule.together, saved)
    seam = call.seam(
        [out],
        leading=[rule.leading_of(out)],
        per_sample_grads=rule.per_sample_grads,
        arguments=arguments,
        together=together,
    )
    return seam, [out]


def _as_written(call: Call) -> bool:
    """Nothing comes between the call and its kernel: neither autocast, nor hooks on what its graph would save.

    Checkpointing has such hooks, counts what is saved, and wants the same when it runs the call again.
    """
    return not saves_by_hooks() and not torch.is_autocast_enabled(call.leaves[0].device.type)


def by_forward_mode(call: Call) -> tuple[Seam, list[Tensor], Callable[[list[Tensor]], Any]]:
    """The call made, and PyTorch's own forward mode says how the outputs move, inputs held still.

    Third comes the way from the outputs that have a gradient back to all that the call returns.

    Raises:
        NotImplementedError: where PyTorch has no rule for it.
    """
    by_leaf = {id(o.leaf): o.tangent for o in call.operands if o.tangent is not None}

    def dual(t: Tensor) -> Tensor:
        return make_dual(t, by_leaf[id(t)]) if id(t) in by_leaf else t

    args, kwargs = mapped(dual, (call.args, call.kwargs))
    written_out = WRITTEN_OUT.get(call.function)
    with switched(MATH_ATTENTION):  # the fused kernels of attention have no forward mode
        found = call.function(*args, **kwargs) if written_out is None else written_out(call.function, *args, **kwargs)
    flat, spec = tree_flatten(found)
    places = [k for k, y in enumerate(flat) if isinstance(y, Tensor) and y.requires_grad]
    both = [unpacked(flat[k]) for k in places]
    outputs = [primal for primal, _ in both]

    def rebuilt(values: list[Tensor]) -> Any:
        for k, y in zip(places, values, strict=True):
            flat[k] = y
        return tree_unflatten(flat, spec)

    return call.seam(outputs, tangents=[None if t is None else t.detach() for _, t in both]), outputs, rebuilt
