"""This very object, held weakly: how a loss is known again without being kept alive."""

import weakref
from collections.abc import Callable
from typing import Any


class Weakly:
    """Stands for one callable, as a key too, and for no later one at its address, nor for another that is equal to it.

    A bound method is made anew each time it is asked for, so it counts by its function and its owner.
    """

    def __init__(self, call: Callable[..., Any]) -> None:
        parts = _parts(call)
        self._ids = tuple(map(id, parts))
        self._held = [_reference(part) for part in parts]

    @property
    def alive(self) -> bool:
        """Whether the callable is still there."""
        return all(get() is not None for get in self._held)

    def holds(self, other: Callable[..., Any]) -> bool:
        """Whether this is the callable."""
        parts = _parts(other)
        return len(parts) == len(self._held) and all(get() is part for get, part in zip(self._held, parts, strict=True))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Weakly) or self._ids != other._ids:
            return False
        return self.alive and all(a() is b() for a, b in zip(self._held, other._held, strict=True))

    def __hash__(self) -> int:
        return hash(self._ids)


def _parts(call: Any) -> list[Any]:
    function = getattr(call, "__func__", call)
    return [call] if function is call else [function, call.__self__]


def _reference(part: Any) -> Callable[[], Any]:
    try:
        return weakref.ref(part)
    except TypeError:  # some callables written in C: these are never gone
        return lambda: part
