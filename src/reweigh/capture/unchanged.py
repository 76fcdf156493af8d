"""What a recorded pass takes for granted: everything that Python would have looked at again.

Modes and attributes of the model's parts, kinds of buffers, which parameters train, autocast; and what the loss and the
model's own code reach outside: closures, globals by their names, defaults, attributes of objects. Held against what was
found at the recording by identity, one comparison a value: a number bound anew is another one, even where it is equal.

What this cannot see, such as a number in the middle of nested containers, shows where a replayed pass is held against one by
Python (`captures.py`).
"""

import argparse
import functools
import operator
import sys
import types
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import is_dataclass
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

from reweigh.outside_places import contents, extra_attributes
from reweigh.walk import Walk

_DEPTH = 4
_LIBRARIES = sys.stdlib_module_names - {"__main__"} | {
    "torch", "numpy", "transformers", "torchvision", "timm", "peft", "lightning", "pytorch_lightning", "accelerate",
    "reweigh",
}  # fmt: skip
"""Whose own code has no settings that change while a model trains; an installed package of somebody's own may."""


class Unchanged:
    """What was found at a recording.

    Args:
        walk: the model.
        loss: what is called with it.
    """

    def __init__(self, walk: Walk, loss: Any) -> None:
        self._walk, self._version = walk, walk.version
        self._named, self._parts = walk.named, walk.parts
        self._parameters = walk.parameters
        self._held = _Reached(walk, loss).readers
        self._found, self._kinds = self._now(), self._kinds_now()

    def holds(self) -> bool:
        """Whether everything is as it was."""
        if self._walk.version != self._version:  # there are other parts or parameters
            return False
        now, found = self._now(), self._found
        same = len(now) == len(found) and all(map(operator.is_, now, found))
        return same and self._kinds_now() == self._kinds

    def other(self) -> str:
        """What is another now, by name; "" where nothing is."""
        now, found = self._now(), self._found
        if self._walk.version != self._version or len(now) != len(found):
            return "what the model consists of"
        names = [f"{name or type(part).__name__}.{key}" for name, part in self._named.items() for key in part.__dict__]
        names += [f"whether {name} is trained" for name in self._parameters]
        names += [what for what, read in self._held for _ in read()]
        changed = (at for at, (one, other) in enumerate(zip(now, found, strict=True)) if one is not other)
        return next((names[at] if at < len(names) else "autocast" for at in changed), "")

    def _kinds_now(self) -> list[Any]:
        """Of parameters and buffers what an operation may depend on; in a buffer's place there may be another tensor."""
        found = [*self._parameters.values(), *(b for part in self._parts for b in part._buffers.values())]
        return [None if t is None else kind_of(t) for t in found]

    def _now(self) -> list[Any]:
        parts = [part.__dict__ for part in self._parts]
        found = list(chain.from_iterable(map(dict.values, parts)))
        found += [p.requires_grad for p in self._parameters.values()]
        for _, read in self._held:
            found += read()
        kinds = sorted({p.device.type for p in self._parameters.values()} | {"cpu"})
        found += [torch.is_autocast_enabled(kind) for kind in kinds]
        found += [torch.get_autocast_dtype(kind) for kind in kinds if torch.is_autocast_enabled(kind)]
        return found


def kind_of(t: Tensor) -> tuple[Hashable, ...]:
    """What an operation may depend on beside a tensor's numbers."""
    return t.shape, t.stride(), t.dtype, t.device


def hooked(walk: Walk) -> str:
    """Whose hooks' code would not run, in a clause; "" where there are none."""
    parts = [part for part in walk.parts if part._forward_hooks or part._forward_pre_hooks or part._backward_hooks
             or part._backward_pre_hooks]  # fmt: skip
    found = [name for name, part in walk.named.items() if part in parts] if parts else []
    found += [name for name, p in walk.parameters.items() if p._backward_hooks or p._post_accumulate_grad_hooks]
    return f"{found[0] or type(walk.module).__name__} has hooks, whose code would not run" if found else ""


class _Reached:
    """Readers of what a loss and the code of a model's classes reach; each gives a list of values."""

    def __init__(self, walk: Walk, loss: Any) -> None:
        self.readers: list[tuple[str, Callable[[], list[Any]]]] = []
        self._seen: set[int] = {id(part) for part in walk.parts}
        for part in walk.parts:
            for name in extra_attributes(part):
                self._value(part.__dict__[name], 1)
        for kind in {type(part) for part in walk.parts}:
            self._class(kind)
        self._value(loss, 0)

    def _class(self, kind: type) -> None:
        for base in kind.__mro__:
            if id(base) in self._seen or _is_library(base.__module__):
                continue
            self._seen.add(id(base))
            self.readers.append((f"an attribute of the class {base.__name__}", functools.partial(_values, vars(base))))
            for value in vars(base).values():
                inner = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
                self._value(inner, 1)

    def _value(self, value: Any, depth: int) -> None:
        if (
            depth > _DEPTH
            or id(value) in self._seen
            or isinstance(value, type | types.ModuleType | Tensor | torch.dtype)
        ):
            return
        if isinstance(value, types.FunctionType):
            self._function(value, depth)
        elif isinstance(value, types.MethodType):
            self._value(value.__func__, depth)
            self._value(value.__self__, depth)
        elif isinstance(value, functools.partial):
            self._seen.add(id(value))
            for held in (value.func, *value.args, *value.keywords.values()):
                self._value(held, depth + 1)
        elif type(value) in (dict, list, set, tuple):
            self._container(value, depth)
        elif isinstance(value, nn.Module) or (isinstance(getattr(value, "__dict__", None), dict) and _settings(value)):
            self._object(value, depth)

    def _container(self, value: Any, depth: int) -> None:
        self._seen.add(id(value))
        if len(value) > _LONG:
            return
        if type(value) is not tuple:
            read = functools.partial(_values if isinstance(value, dict) else list, value)
            self.readers.append((f"what a {type(value).__name__} holds", read))
        for item in _values(value) if isinstance(value, dict) else list(value):
            self._value(item, depth + 1)

    def _object(self, value: Any, depth: int) -> None:
        parts = value.modules() if isinstance(value, nn.Module) else [value]
        for part in parts:
            if id(part) not in self._seen:
                self._seen.add(id(part))
                self.readers.append(
                    (f"an attribute of a {type(part).__name__}", functools.partial(_values, part.__dict__))
                )
                self._class(type(part))
                for held in list(part.__dict__.values()):
                    self._value(held, depth + 1)

    def _function(self, function: types.FunctionType, depth: int) -> None:
        self._seen.add(id(function))
        if _is_library(function.__module__):
            return
        read = functools.partial(_of_function, function, list(_names(function.__code__)))
        self.readers.append((f"a name that {function.__name__}() uses", read))
        for held in read():
            self._value(held, depth + 1)


def _is_library(name: str | None) -> bool:
    return (name or "").partition(".")[0] in _LIBRARIES


def _settings(value: Any) -> bool:
    """Whether an object is the user's own, or holds settings; others, as trainers, change for reasons of their own."""
    kind = type(value)
    return not _is_library(kind.__module__) or kind in (types.SimpleNamespace, argparse.Namespace) or is_dataclass(kind)


_LONG = 256
"""What is longer is data, not settings."""


def _values(held: Any) -> list[Any]:
    return list(held.values())


def _of_function(function: types.FunctionType, names: Sequence[str]) -> list[Any]:
    """What a function can see: its code, the globals that this names, its closure, its defaults."""
    found = [function.__code__, *map(function.__globals__.get, names), *map(contents, function.__closure__ or ())]
    return [*found, *(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]


def _names(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            yield from _names(inner)
