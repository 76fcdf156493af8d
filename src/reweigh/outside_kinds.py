"""How each kind of thing is copied and put back: containers, tensors, arrays, generators of one's own.

Each is called to put back, and returns whether it had moved, as far as that is known.
"""

import collections
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from reweigh._torch import keeping_version


class Container:
    """A list, dict, set, deque or the attributes of an object."""

    def __init__(self, value: Any, bare: bool) -> None:
        self._value, self._bare = value, bare
        self._before = dict(value) if isinstance(value, dict) else list(value)

    def __call__(self) -> bool:
        """Put it back."""
        value, before = self._value, self._before
        now = value.items() if isinstance(value, dict) else value
        was = before.items() if isinstance(before, dict) else before
        if len(now) == len(was) and all(_same(one, other) for one, other in zip(now, was, strict=True)):
            return False
        if self._bare and not any(map(_matters, (*_values(value), *_values(before)))):
            return False  # a count of calls, which is the user's own
        if isinstance(value, list | bytearray):
            value[:] = before
        else:
            _put(value, before)
        return True


class TensorCopy:
    """A tensor's numbers, and its storage: `.data` may have been bound anew."""

    def __init__(self, t: Tensor, compare: bool) -> None:
        self._t, self._compare = t, compare
        with torch.no_grad():
            self._data, self._copy = t.data, t.detach().clone()
        self._version = None if t.is_inference() else keeping_version(t)
        self._written = 0 if t.is_inference() else t._version

    def __call__(self) -> bool:
        """Put it back."""
        # What was written to counts as moved even where it was given the numbers that it had: another time it may not be.
        written = self._version is not None and self._t._version != self._written
        moved = self._compare and (written or not _equal(self._t.data, self._copy))
        if self._t.data_ptr() != self._data.data_ptr() or self._t.shape != self._data.shape:
            self._t.data = self._data
        with torch.no_grad():
            self._data.copy_(self._copy)
        if self._version is not None:  # a graph that the caller holds stays valid: the numbers are back
            self._version.__exit__(None, None, None)
        return moved


class Slots:
    """The attributes of an object that keeps them in slots."""

    def __init__(self, value: Any, names: list[str]) -> None:
        self._value, self.before = value, {name: getattr(value, name) for name in names}

    def __call__(self) -> bool:
        """Put them back."""
        moved = [name for name, was in self.before.items() if getattr(self._value, name, None) is not was]
        for name in moved:
            object.__setattr__(self._value, name, self.before[name])
        return bool(moved)


class Array:
    """An array of NumPy's."""

    def __init__(self, array: Any) -> None:
        self._array, self._copy = array, array.copy()

    def __call__(self) -> bool:
        """Put it back."""
        if np.array_equal(self._array, self._copy):
            return False
        self._array[...] = self._copy
        return True


class Generator:
    """Where a generator stands."""

    def __init__(self, read: Callable[[], Any], write: Callable[[Any], Any]) -> None:
        self._write, self._state = write, read()

    def __call__(self) -> bool:
        """Put it back."""
        self._write(self._state)
        return False


def generator_of(value: Any) -> Generator | None:
    """The copy of a generator; None for what is none."""
    if isinstance(value, torch.Generator):
        return Generator(value.get_state, value.set_state)
    if isinstance(value, np.random.Generator):
        bits = value.bit_generator
        return Generator(lambda: bits.state, lambda state: setattr(bits, "state", state))
    if isinstance(value, np.random.RandomState):
        return Generator(value.get_state, value.set_state)
    if isinstance(value, random.Random):
        return Generator(value.getstate, value.setstate)
    return None


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, tuple) and isinstance(other, tuple) and len(one) == len(other) == 2:
        return one[0] is other[0] and one[1] is other[1]
    return one is other or (type(one) is int and type(other) is int and one == other)


def _equal(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and bool(torch.equal(one, other))


def _put(value: Any, before: Any) -> None:
    """Fill a dict, set or deque again; of a dict whose keys stayed nothing is taken away, so nothing is ever missing."""
    if isinstance(value, dict):
        if list(value)[: len(before)] == list(before):
            for key in list(value)[len(before) :]:
                del value[key]
        else:
            value.clear()
        for key, item in before.items():  # not update(), which adds in a Counter
            value[key] = item
    else:
        value.clear()
        (value.extend if isinstance(value, collections.deque) else value.update)(before)


def _values(container: Any) -> list[Any]:
    return list(container.values() if isinstance(container, dict) else container)


def _matters(value: Any) -> bool:
    return not isinstance(value, int | str | bytes | type(None) | type | torch.Size | torch.dtype)
