"""The user's module, called with other parameters and left as it was found.

Engines ask the model odd questions (what would the losses be with dual-number parameters? with the parameters a
little further along?) in the middle of somebody's training loop. Context managers make that safe:

- `substituted(module, params)` puts other tensors in the parameters' places, tied weights included, without touching
  the parameters themselves; `standing_in(module, make)` does so where these are gathered layer by layer, too;
- `preserve_module_state(module)` gives the module copies of its buffers and forks the random number generators, so that
  BatchNorm statistics, counters and dropout masks are afterwards what they were, even when the pass raises;
- `moved(module, values)` lets the parameters hold other values, for kernels that follow nothing else;
- `hooked(hooks)` has submodules' outputs seen.

All note the way back before they change anything (`reweigh.undo`).
"""

import functools
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from reweigh import _torch, rng, sharded
from reweigh._types import Params
from reweigh.outside_state import keep_outside
from reweigh.undo import ForAWhile, lent, restore, unless_done, values_of
from reweigh.walk import Walk, Walkable, walked


class substituted(ForAWhile):
    """Within the block the module computes with `params` in the place of its parameters of those names.

    A parameter used in several places (tied weights) is replaced in all of them. The `Parameter` objects themselves
    are not touched, and are back in their places afterwards.
    """

    def __init__(self, module: Walkable, params: Params) -> None:
        self._walk, self._params = walked(module), params

    def change(self) -> None:
        """The new tensors come in, each over the old one."""
        params: Any = self._params
        places = [place for place in self._walk.places if place[3] in params]
        flat = [(rnn, *_torch.flat_weights(rnn)) for rnn in self._walk.recurrent]

        def put_back() -> None:
            for place, leaf, p, _ in places:
                place[leaf] = p
            for rnn, weights, refs in flat:
                _torch.set_flat_weights(rnn, weights, refs)

        lent(put_back)
        for place, leaf, _, name in places:
            place[leaf] = params[name]
        if flat:
            by_identity = {id(p): params[name] for _, _, p, name in places}
        for rnn, weights, _ in flat:  # recurrent layers keep a second list of their weights
            now = [w if w is None else by_identity.get(id(w), w) for w in weights]
            _torch.set_flat_weights(rnn, now, [w if w is None else weakref.ref(w) for w in now])


class standing_in(ForAWhile):
    """Within the block the module computes with what `make(name, parameter)` returns in its parameters' places.

    Those that are spread over ranks are made of what a layer has gathered, while it has: after `fully_shard`'s own hook
    before the layer's pass, until its own after that.
    """

    def __init__(self, walk: Walk, make: sharded.MakesStandIn) -> None:
        self._walk, self._make = walk, make

    def change(self) -> None:
        """Whole parameters are replaced at once; of the others, hooks see to it."""
        walk, spread = self._walk, self._walk.sharded
        whole = {name: self._make(name, p) for name, p in walk.parameters.items() if not sharded.is_sharded(p)}
        substituted(walk, whole).change()
        if not spread:
            return
        of = {
            id(inner._parameters): part for part in spread for inner in part.modules()
        }  # the innermost part is the last
        around = []
        for part in spread:
            places = [place for place in walk.places if of.get(id(place[0])) is part and sharded.is_sharded(place[2])]
            recurrent = [rnn for rnn in walk.recurrent if of.get(id(rnn._parameters)) is part]
            around.append(_Around(part, places, recurrent, self._make))

        def put_back() -> None:
            for one in around:
                for hooks in (one.part._forward_pre_hooks, one.part._forward_hooks):
                    for key in [key for key, hook in hooks.items() if getattr(hook, "__self__", None) is one]:
                        del hooks[key]
                one.leave()

        lent(put_back)
        for one in around:
            one.part.register_forward_pre_hook(one.enter)
            one.part.register_forward_hook(one.leave, prepend=True)


class _Around:
    """The pass of one part whose own parameters are gathered for it, those of parts inside it left to these."""

    def __init__(
        self, part: nn.Module, places: Sequence[Any], recurrent: Sequence[nn.RNNBase], make: sharded.MakesStandIn
    ) -> None:
        self.part, self._places, self._recurrent, self._make = part, places, recurrent, make
        self._made: dict[str, tuple[Tensor, Tensor]] = {}

    def enter(self, *_: Any) -> None:
        """What is gathered makes place."""
        for place, leaf, _, name in self._places:
            gathered = place[leaf]
            if name not in self._made and not sharded.is_sharded(gathered):
                self._made[name] = gathered, self._make(name, gathered)
            if name in self._made:
                place[leaf] = self._made[name][1]
        self._exchange({id(gathered): made for gathered, made in self._made.values()})

    def leave(self, *_: Any) -> None:
        """And is there again; can be called twice."""
        for place, leaf, _, name in self._places:
            if name in self._made:
                place[leaf] = self._made[name][0]
        self._exchange({id(made): gathered for gathered, made in self._made.values()})
        self._made = {}

    def _exchange(self, by_identity: dict[int, Tensor]) -> None:
        for rnn in self._recurrent:
            weights = [w if w is None else by_identity.get(id(w), w) for w in _torch.flat_weights(rnn)[0]]
            _torch.set_flat_weights(rnn, weights, [w if w is None else weakref.ref(w) for w in weights])


class preserve_module_state(ForAWhile):
    """Whatever the block runs, the module and the random number generators are afterwards as they were.

    Within the block the buffers are copies, so writes to them land nowhere; attributes that a forward pass sets are set
    back too, by `__dict__.update`: a module whose attributes are cleared first is lost at an interrupt. Autocast forgets its
    cast weights on the way in and out, or it would go on using those of other parameters. What lies outside the modules
    (`outside_state`) is kept. Python's, NumPy's and PyTorch's global generators (CPU, and the devices that the module lives
    on) are restored. Compiled parts run uncompiled.
    """

    def __init__(self, module: Walkable) -> None:
        self._walk = walked(module)

    def change(self) -> None:
        """Copies take the places of the buffers."""
        walk, parts = self._walk, self._walk.parts
        lent(torch.clear_autocast_cache)
        lent(functools.partial(_torch.settle_shards, walk.sharded))
        _torch.settle_shards(walk.sharded)  # what is gathered still may be of other parameters
        lent(rng.way_back(walk.devices))
        keep_outside(walk.module, parts)
        lent(attributes_of(parts))
        lent(values_of(walk.rescaled))
        if walk.compiled:
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
    """Within the block the parameters hold these values; their own storage is back in place afterwards, untouched.

    That of parameters which are spread over ranks cannot be exchanged: it is written to, and set back bit for bit.
    """

    def __init__(self, module: Walkable, values: Params) -> None:
        self._walk, self._values = walked(module), values

    def change(self) -> None:
        """The parameters' storage is exchanged."""
        values = self._values
        found = [(p, values[name]) for name, p in self._walk.parameters.items() if name in values]
        own = [(p, p.data, value) for p, value in found if not sharded.is_sharded(p)]
        spread = [(place := sharded.local(p), place.clone(), value) for p, value in found if sharded.is_sharded(p)]

        def put_back() -> None:
            for p, data, _ in own:
                p.data = data
            for place, before, _ in spread:
                place.copy_(before)

        lent(put_back)
        for p, _, value in own:
            p.data = value
        for place, _, value in spread:
            place.copy_(sharded.local(value))


class uncompiled(ForAWhile):
    """Within the block compiled parts run uncompiled."""

    def change(self) -> None:
        """The compiler's stance is another one."""
        lent(_torch.compile_stance())
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


def kept_if_failed(model: Walkable) -> None:
    """To be called before a pass that trains: if the public call under way fails, the model has not been passed.

    That is its buffers, attributes and gradients, and the random number generators.
    """
    walk = walked(model)
    gradients = [(p, p.grad, None if p.grad is None else p.grad.clone()) for p in walk.parameters.values()]
    buffers = [holder[name] for holder, name in walk.buffers]

    def put_back() -> None:
        for p, gradient, value in gradients:
            if gradient is not None and value is not None:
                gradient.data.copy_(value)
            p.grad = gradient

    unless_done(put_back)
    unless_done(rng.way_back(walk.devices))
    unless_done(attributes_of(walk.parts))
    unless_done(values_of([*buffers, *walk.rescaled]))


def attributes_of(parts: Iterable[nn.Module]) -> Callable[[], None]:
    """A function that puts the modules' attributes back; what is bound to them, not what a mutable object holds."""
    parts = list(parts)
    found = list(map(dict.copy, [part.__dict__ for part in parts]))
    lengths = list(map(len, found))

    def put_back() -> None:
        owns = [part.__dict__ for part in parts]
        deque(map(dict.update, owns, found), maxlen=0)  # never emptied first: without its attributes a module is lost
        if list(map(len, owns)) != lengths:
            for own, values in zip(owns, found, strict=True):
                restore(own, values)

    return put_back


def reseed_dropout(module: Walkable) -> None:
    """Within `preserve_module_state`: let dropout draw masks that are not the ones the next pass will draw."""
    rng.seed(int(torch.randint(2**62, ())), walked(module).devices)
