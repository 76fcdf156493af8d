"""The user's module, called with other parameters and left as it was found.

Engines ask the model odd questions (what would the losses be with dual-number parameters? with the parameters a
little further along?) in the middle of somebody's training loop. Context managers make that safe:

- `substituted(module, params)` puts other tensors in the parameters' places, tied weights included, without touching
  the parameters themselves;
- `undisturbed(module)` gives the module copies of its buffers and forks the random number generators, so that
  BatchNorm statistics, counters and dropout masks are afterwards what they were, even when the pass raises;
- `moved(module, values)` lets the parameters hold other values, for kernels that follow nothing else;
- `hooked(hooks)` has submodules' outputs seen.

All note the way back before they change anything (`reweigh.undo`).
"""

import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from reweigh import rng
from reweigh._types import Params
from reweigh.outside_state import keep_outside
from reweigh.undo import ForAWhile, lent, restore, unless_done


class substituted(ForAWhile):
    """Within the block the module computes with `params` in the place of its parameters of those names.

    A parameter used in several places (tied weights) is replaced in all of them. The `Parameter` objects themselves
    are not touched, and are back in their places afterwards.
    """

    def __init__(self, module: nn.Module, params: Params) -> None:
        self._module, self._params = module, params

    def change(self) -> None:
        """The new tensors come in, each over the old one."""
        parts = parts_of(self._module)
        by_identity = {id(p): self._params[name] for name, p in self._module.named_parameters() if name in self._params}
        places = [
            (owner._parameters, leaf, p)
            for owner in parts
            for leaf, p in owner._parameters.items()
            if p is not None and id(p) in by_identity
        ]
        flat = [(m, m._flat_weights, m._flat_weight_refs) for m in parts if isinstance(m, nn.RNNBase)]

        def put_back() -> None:
            for place, leaf, p in places:
                place[leaf] = p
            for rnn, weights, refs in flat:
                rnn._flat_weights, rnn._flat_weight_refs = weights, refs

        lent(put_back)
        for place, leaf, p in places:
            place[leaf] = cast(nn.Parameter, by_identity[id(p)])
        for rnn, weights, _ in flat:  # recurrent layers keep a second list of their weights
            rnn._flat_weights = [w if w is None else cast(nn.Parameter, by_identity.get(id(w), w)) for w in weights]
            rnn._flat_weight_refs = [w if w is None else weakref.ref(w) for w in rnn._flat_weights]


class undisturbed(ForAWhile):
    """Whatever the block runs, the module and the random number generators are afterwards as they were.

    Within the block the buffers are copies, so writes to them land nowhere; attributes that a forward pass sets are set
    back too, by `__dict__.update`: a module whose attributes are cleared first is lost at an interrupt. Autocast forgets its
    cast weights on the way in and out, or it would go on using those of other parameters. What lies outside the modules
    (`outside_state`) is kept. Python's, NumPy's and PyTorch's global generators (CPU, and the devices that the module lives
    on) are restored. Compiled parts run uncompiled.
    """

    def __init__(self, module: nn.Module) -> None:
        self._module = module

    def change(self) -> None:
        """Copies take the places of the buffers."""
        parts = parts_of(self._module)
        lent(torch.clear_autocast_cache)
        lent(rng.way_back(_devices_of(parts)))
        keep_outside(self._module, parts)
        lent(attributes_of(parts))
        lent(_values_of(_rescaled(parts)))
        if any_compiled(parts):
            uncompiled().change()
        torch.clear_autocast_cache()
        buffers = [(part._buffers, part._buffers.copy()) for part in parts if part._buffers]

        def put_back() -> None:
            for place, found in buffers:
                restore(place, found)

        lent(put_back)
        copies: dict[int, Tensor] = {}
        for place, found in buffers:
            for name, buffer in found.items():
                if buffer is not None:  # one copy for a buffer that several modules share
                    place[name] = copies.setdefault(id(buffer), buffer.detach().clone())


class moved(ForAWhile):
    """Within the block the parameters hold these values; their own storage is back in place afterwards, untouched."""

    def __init__(self, module: nn.Module, values: Params) -> None:
        self._module, self._values = module, values

    def change(self) -> None:
        """The parameters' storage is exchanged."""
        own = [(p, p.data, self._values[name]) for name, p in self._module.named_parameters() if name in self._values]

        def put_back() -> None:
            for p, data, _ in own:
                p.data = data

        lent(put_back)
        for p, _, value in own:
            p.data = value


class uncompiled(ForAWhile):
    """Within the block compiled parts run uncompiled."""

    def change(self) -> None:
        """The compiler's stance is another one."""
        from torch._dynamo import eval_frame  # which takes seconds, and compiled parts have done it already

        found = eval_frame._stance

        def put_back() -> None:
            eval_frame._stance = found

        lent(put_back)
        torch.compiler.set_stance("force_eager")


class hooked(ForAWhile):
    """Within the block these forward hooks stand on these modules."""

    def __init__(self, hooks: Sequence[tuple[nn.Module, Callable[..., None]]], *, with_kwargs: bool = False) -> None:
        self._hooks, self._with_kwargs = hooks, with_kwargs

    def change(self) -> None:
        """The hooks are registered."""
        ours = {id(hook) for _, hook in self._hooks}

        def put_back() -> None:
            for module, _ in self._hooks:
                for key in [key for key, hook in module._forward_hooks.items() if id(hook) in ours]:
                    for place in (module._forward_hooks_with_kwargs, module._forward_hooks):
                        place.pop(key, None)

        lent(put_back)
        for module, hook in self._hooks:
            module.register_forward_hook(hook, with_kwargs=self._with_kwargs)


def kept_if_failed(model: nn.Module) -> None:
    """To be called before a pass that trains: if the public call under way fails, the model has not been passed.

    That is its buffers, attributes and gradients, and the random number generators.
    """
    parts = parts_of(model)
    parameters = list({id(p): p for part in parts for p in part._parameters.values() if p is not None}.values())
    gradients = [(p, p.grad, None if p.grad is None else p.grad.clone()) for p in parameters]
    buffers = [buffer for part in parts for buffer in part._buffers.values() if buffer is not None]

    def put_back() -> None:
        for p, gradient, value in gradients:
            if gradient is not None and value is not None:
                gradient.data.copy_(value)
            p.grad = gradient

    unless_done(put_back)
    unless_done(rng.way_back(_devices_of(parts)))
    unless_done(attributes_of(parts))
    unless_done(_values_of([*buffers, *_rescaled(parts)]))


def parts_of(module: nn.Module) -> list[nn.Module]:
    """All submodules, the module itself first: `modules()` in no particular order, and in a third of the time."""
    found, todo = {module: None}, [module]
    while todo:
        for part in todo.pop()._modules.values():
            if part is not None and part not in found:
                found[part] = None
                todo.append(part)
    return list(found)


def attributes_of(parts: Iterable[nn.Module]) -> Callable[[], None]:
    """A function that puts the modules' attributes back; what is bound to them, not what a mutable object holds."""
    attributes = [(part, part.__dict__.copy()) for part in parts]

    def put_back() -> None:
        for part, values in attributes:
            own = part.__dict__
            part.__dict__.update(values)  # never emptied first: without its attributes a module is lost
            if len(own) != len(values):
                restore(own, values)

    return put_back


def _values_of(tensors: Sequence[Tensor]) -> Callable[[], None]:
    found = [(t, t.detach().clone()) for t in tensors]

    def put_back() -> None:
        for t, value in found:
            t.data.copy_(value)

    return put_back


def _rescaled(parts: Iterable[nn.Module]) -> list[Tensor]:
    """The weights of embeddings with max_norm, which rescale them in place whenever they are called."""
    kinds = (nn.Embedding, nn.EmbeddingBag)
    return [part.weight for part in parts if isinstance(part, kinds) and part.max_norm is not None]


def any_compiled(parts: Iterable[nn.Module]) -> bool:
    """Whether one of the modules runs under `torch.compile`."""
    return any("_orig_mod" in part._modules or part.__dict__.get("_compiled_call_impl") for part in parts)


def other_masks(module: nn.Module) -> None:
    """Within `undisturbed`: let dropout draw masks that are not the ones the next pass will draw."""
    rng.seed(int(torch.randint(2**62, ())), _devices_of(parts_of(module)))


def _devices_of(parts: Iterable[nn.Module]) -> set[torch.device]:
    return {p.device for part in parts for p in part._parameters.values() if p is not None}
