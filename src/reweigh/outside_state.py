"""State that no buffer holds, kept over the passes that training does not know of.

A momentum encoder in the loss's closure, a memory of each example in a dict, a running metric, a counter, a generator of
one's own: whatever is reached from the model's parts or from the loss moves with each pass, and the library makes passes of
its own. `keep_outside(module)`, which `preserve_module_state` asks, puts all of it back.

What there is, is looked for once for each module and loss (`meet`) and remembered as places; a pass copies what these hold
at the time. An ordinary model and loss have no such place, and a pass then costs nothing. Parameters that a forward pass
writes to itself (a momentum encoder inside the model) show at the first batch (`first_look`) and are copied from then on.
Not put back: numbers, words and logs bound in the loss's own closure or globals, as counts of calls are. Where these steer
the loss, the first look says that it is no function of model and batch.
"""

import contextlib
import functools
import warnings
import weakref
from collections.abc import Iterator, Sequence
from typing import Any

from torch import nn

from reweigh.outside_copies import Copies
from reweigh.outside_places import Place, places_of_loss, places_of_module
from reweigh.several import uncompiled_loss
from reweigh.sharded import is_sharded
from reweigh.undo import lent
from reweigh.weakly import Weakly


class _Plan:
    """What is known of a module and of the losses that it has met. Holds nothing alive."""

    def __init__(self, module: nn.Module) -> None:
        self._places = places_of_module(module)
        self._losses: dict[Weakly, list[Place]] = {}
        self._size = sum(len(part.__dict__) for part in module.modules())
        self.looked: set[tuple[Weakly, tuple[bool, ...]]] = set()
        self.passed: set[tuple[Weakly, tuple[bool, ...]]] = set()
        self.movers: set[str] = set()
        self.moving_parameters: list[str] = []
        self.full = False

    def refresh(self, module: nn.Module, parts: Sequence[nn.Module]) -> None:
        """Look again where a part has got an attribute since; cheaper than looking at each."""
        if (size := sum(map(len, [part.__dict__ for part in parts]))) != self._size:
            self._places, self._size = places_of_module(module), size

    def manner(self, parts: Sequence[nn.Module], loss: Any) -> tuple[Weakly, tuple[bool, ...]]:
        """The key of a loss under its parts' modes: what moves in training may stand still in evaluation."""
        return self.meet(loss), tuple([part.training for part in parts])

    def meet(self, loss: Any) -> Weakly:
        """Look into a loss, once; the key under which it is known."""
        loss = uncompiled_loss(loss)
        key = Weakly(loss)
        if key not in self._losses:
            self._losses = {known: places for known, places in self._losses.items() if known.alive}
            self.looked = {known for known in self.looked if known[0].alive}
            self.passed = {known for known in self.passed if known[0].alive}
            self._losses[key] = places_of_loss(loss)
        return key

    def bound(self) -> Iterator[tuple[Place, Any, Any]]:
        """Each place, its owner, and what is bound there now."""
        for place in (*self._places, *(p for places in self._losses.values() for p in places)):
            if (owner := place.owner()) is not None:
                with contextlib.suppress(LookupError, AttributeError, ValueError, TypeError):
                    yield place, owner, place.read(owner)

    @property
    def empty(self) -> bool:
        """Whether a pass has nothing to keep."""
        return not (self._places or self.moving_parameters or self.full or any(self._losses.values()))


_plans: "weakref.WeakKeyDictionary[nn.Module, _Plan]" = weakref.WeakKeyDictionary()


def plan_of(module: nn.Module) -> _Plan:
    """What is known of this module."""
    plan = _plans.get(module)
    if plan is None:
        plan = _plans[module] = _Plan(module)
    return plan


def meet(module: nn.Module, loss: Any) -> None:
    """Let the passes of this module keep what this loss reaches, too."""
    plan_of(module).meet(loss)


def keep_outside(module: nn.Module, parts: Sequence[nn.Module]) -> None:
    """What the module, with these parts, and the losses it has met hold is put back when the innermost `ForAWhile` ends."""
    plan = plan_of(module)
    plan.refresh(module, parts)
    if plan.empty:
        return
    copies = Copies(_own(parts), plan.movers, full=plan.full)
    bindings: list[tuple[Place, Any, Any]] = []
    lent(functools.partial(_put_back, copies, bindings, plan))
    _copy(copies, bindings, plan, module)


def _copy(copies: Copies, bindings: list[tuple[Place, Any, Any]], plan: _Plan, module: nn.Module) -> None:
    for place, owner, value in plan.bound():
        if place.bind is not None:
            bindings.append((place, owner, value))
        copies.keep(value, place.name, bare=place.bare)
    if plan.full or plan.moving_parameters:
        for name, p in module.named_parameters():
            if (plan.full or name in plan.moving_parameters) and not is_sharded(p):  # the passes move a gathered one
                copies.tensor(p, name)


def _put_back(copies: Copies, bindings: list[tuple[Place, Any, Any]], plan: _Plan) -> None:
    try:
        surprises = copies.restore()
    finally:
        for place, owner, value in bindings:
            if place.bind is not None and (now := place.read(owner)) is not value and _counts(now, value):
                place.bind(owner, value)
    if surprises:
        warnings.warn(
            f"{', '.join(surprises[:3])} moved in a pass that training does not know of, and could not be put back this "
            "time; it will be from now on. Hold it in a buffer (register_buffer), so that it always is",
            stacklevel=6,
        )


def _counts(now: Any, before: Any) -> bool:
    """Whether what a loss binds anew is more than a count of its calls."""
    return any(not isinstance(value, int | str | bytes | None) for value in (now, before))


def _own(parts: Sequence[nn.Module]) -> frozenset[int]:
    tensors = (t for part in parts for t in (*part._parameters.values(), *part._buffers.values()))
    return frozenset(id(item) for item in (*parts, *tensors))


@contextlib.contextmanager
def all_copied(module: nn.Module) -> Iterator[list[str]]:
    """Within the block each `preserve_module_state` copies all that could move, the parameters too, and notes what did.

    Yields a list that holds the names afterwards.
    """
    plan = plan_of(module)
    found: list[str] = []
    known = set(plan.movers)
    plan.full = True
    try:
        yield found
    finally:
        plan.full = False
        names = {name for name, _ in module.named_parameters()}
        plan.moving_parameters = sorted(names & plan.movers)
        found += sorted(plan.movers - known)
