"""A tape: the operations of a pass as they reach PyTorch's kernels, recorded while they are made.

What Python, hooks, dual numbers and autograd make of a pass is, below all of them, a list of operations on tensors. Made
again it is the same pass, for other numbers in the same shapes, without what it took to come by the list.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from reweigh._torch import storage_of, tree_map
from reweigh.capture.noting import Readers, noting, tensors_in
from reweigh.capture.program import Call, Constants, Part, Place, Slot, written
from reweigh.capture.refused import RESHAPES, why_not
from reweigh.capture.replay import Compiled, Replay
from reweigh.walk import Walk

MOST_BYTES = 1 << 30
"""Of results in one recording, all of which it holds."""
LARGE = 1 << 18
"""Bytes of an operation's result: where the mean is larger, kernels take so much longer than Python that nothing is won."""
_TOO_LARGE = "its tensors are so large that Python takes next to nothing of its time"

Body = Callable[[Sequence[Tensor]], list[Tensor | None]]
"""A pass, from the tensors that change from step to step to its results."""

_ALIASES = frozenset({"detach", "alias", "_fw_primal", "lift_fresh"})
_ABOUT_SHAPES = frozenset({"is_same_size", "_has_same_storage_numel", "promote_types", "_record_function_enter_new"})


class Tape:
    """Records a pass, part by part, and hands out what makes it again.

    Attributes:
        refused: why it cannot be made again, in a clause; what was recorded is of no use then.
        random: whether it draws random numbers.
        eps: of the coarsest arithmetic in it.
    """

    addresses: Sequence[tuple[Tensor, int]] = ()

    def __init__(self, walk: Walk, *, compiles: bool = False) -> None:
        """`walk` is the model, whose parameters stay and whose buffers a pass may write to; whether the rest is compiled."""
        self._compiles = compiles
        self.refused: str | None = None
        self.random, self.eps = False, 0.0
        self._constants: Constants = {}
        self._slots: dict[int, Slot] = {}
        self._storages: dict[int, Slot] = {}
        self._alive: list[Tensor] = []
        self._buffers = {id(holder[name]): Place(holder, name) for holder, name in walk.buffers}
        self._held = {storage_of(t): t for _, t in walk.tensors}
        self._writable = {storage_of(holder[name]) for holder, name in walk.buffers}
        self._parts: list[Part] = []
        self._bytes = 0

    @property
    def operations(self) -> int:
        """How many were recorded."""
        return sum(len(part.calls) for part in self._parts)

    @property
    def constants(self) -> list[Tensor]:
        """Tensors of elsewhere, which are taken for what they are now."""
        found = [t for t in self._constants.values() if isinstance(t, Tensor)]
        return [t for t in found if storage_of(t) not in self._held]

    def run(self, inputs: Sequence[Tensor], body: Body) -> list[Tensor | None]:
        """One part: the body as it is, recorded. Graphs that it leaves behind can be gone on with in a later part."""
        part = Part([], [self._new(t) for t in inputs], [])
        self._parts.append(part)
        with noting(functools.partial(self._note, part.calls)), Readers() as readers:
            found = body(inputs)
        self.refuse(readers.found)
        if self.refused is None:
            part.outputs = [None if t is None else self._slot(t) for t in found]
        return found

    def refuse(self, why: str | None) -> None:
        """The first reason counts; nothing is kept alive any longer."""
        if why is not None and self.refused is None:
            self.refused = why
            self._alive, self._parts = [], []

    def done(self) -> "list[Replay]":
        """What makes each part again."""
        if not self._compiles and self._bytes > LARGE * max(1, self.operations):
            self.refuse(_TOO_LARGE)
        state: list[Any] = []
        replays = [Replay(run, state) for run in written(self._parts, self._constants)]
        if self._compiles:
            runs = written(self._parts, self._constants, lambda operation: operation)
            replays = [Compiled(run, replay) for run, replay in zip(runs, replays, strict=True)]
        self._alive, self._parts = [], []
        return replays

    def _note(self, calls: list[Call], func: Any, args: Any, kwargs: dict[str, Any], out: Any) -> None:
        """An operation was made."""
        if self.refused is not None:
            return None
        tensors = tensors_in((args, kwargs))
        name = func.overloadpacket.__name__
        if name in _ABOUT_SHAPES or func.namespace == "profiler":
            return None
        if (why := why_not(func, args, kwargs, [*tensors, *tensors_in(out)])) is not None:
            return self.refuse(why)
        if name == "lift_fresh" and id(args[0]) not in self._slots:
            return self._lifted(calls, args[0], out)
        if name in _ALIASES and isinstance(out, Tensor):
            slot = self._slot(args[0])
            self._keep(out, slot)
            return None
        written = _written(func, args, kwargs)
        if any(not self._own(t) for t in written):
            return self.refuse("it writes to a tensor that is neither its own nor a buffer")
        taken, named = tree_map(self._as_slot, (args, kwargs))
        if func in RESHAPES:
            return self._reshaped(calls, RESHAPES[func], taken, out)
        random = torch.Tag.nondeterministic_seeded in func.tags
        self.random = self.random or random
        came = tree_map(lambda t: self._came(t) if isinstance(t, Tensor) else t, out)
        calls.append(Call(func, taken, named, came, bool(written) or random))
        return None

    def _reshaped(self, calls: list[Call], func: Any, taken: Any, out: Tensor) -> None:
        """What has another shape now, under a number of its own: names that it had before keep the former shape."""
        slot = Slot(len(self._alive))
        self._keep(out, slot)
        calls.append(Call(func, taken, {}, slot, stays=False))

    def _lifted(self, calls: list[Call], t: Tensor, out: Tensor) -> None:
        """A tensor made of numbers of Python's, which is a new one each time."""
        kept = t.clone()
        source = self._new(kept)
        self._constants[source] = kept
        slot = self._new(out)
        self._keep(t, slot)
        calls.append(Call(torch.ops.aten.clone.default, (source,), {}, slot, stays=False))

    def _own(self, t: Tensor) -> bool:
        storage = storage_of(t)
        return storage in self._writable or (
            storage in self._storages and self._storages[storage] not in self._constants
        )

    def _as_slot(self, value: Any) -> Any:
        return self._slot(value) if isinstance(value, Tensor) else value

    def _came(self, t: Tensor) -> Slot:
        """The slot of a result: the one that an operation in place was given, or a new one."""
        return self._slots[id(t)] if id(t) in self._slots else self._new(t)

    def _slot(self, t: Tensor) -> Slot:
        """The slot of an argument: known, another view of what is known, or a constant."""
        if id(t) in self._slots:
            return self._slots[id(t)]
        storage = storage_of(t)
        if (root := self._held.get(storage)) is not None and root is not t:
            return self._view_of(root, t)
        if storage in self._storages:
            return self._view_of(next(a for a in self._alive if self._slots[id(a)] == self._storages[storage]), t)
        slot = self._new(t)
        self._constants[slot] = self._buffers.get(id(t), t)
        return slot

    def _view_of(self, known: Tensor, t: Tensor) -> Slot:
        """The same numbers under another name, as `.data` gives it."""
        if (known.shape, known.stride(), known.storage_offset(), known.dtype) != (
            (t.shape, t.stride(), t.storage_offset(), t.dtype)
        ):
            self.refuse("a tensor is reached by a way around PyTorch's operations")
        slot = self._slot(known)
        self._keep(t, slot)
        return slot

    def _new(self, t: Tensor) -> Slot:
        slot = Slot(len(self._alive))
        self._keep(t, slot)
        self._storages.setdefault(storage_of(t), slot)
        self._bytes += t.numel() * t.element_size()
        if t.is_floating_point():
            self.eps = max(self.eps, torch.finfo(t.dtype).eps)
        if self._bytes > MOST_BYTES:
            self.refuse(_TOO_LARGE)
        return slot

    def _keep(self, t: Tensor, slot: Slot) -> None:
        self._alive.append(t)  # so that no other tensor gets its identity
        self._slots[id(t)] = slot


def _written(func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> list[Tensor]:
    """The arguments that an operation writes to."""
    if not func._schema.is_mutable:
        return []
    found: list[Tensor] = []
    for at, argument in enumerate(func._schema.arguments):
        if argument.alias_info is not None and argument.alias_info.is_write:
            found += tensors_in(args[at] if at < len(args) else kwargs.get(argument.name))
    return found
