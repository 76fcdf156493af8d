"""Copies of what a pass may change in place, and how each kind is put back: the second half of `outside_state`.

A copy is taken of what is there, as deep as it goes: lists, dicts, sets, deques, tensors, arrays, generators, modules, and
the attributes of objects of the user's own classes. What is large and has never been seen to move is only watched, by
length or version.
"""

import collections
import types
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from reweigh.outside_kinds import Array, Container, Slots, TensorCopy, generator_of
from reweigh.outside_places import extra_attributes, is_library

LARGE_TENSOR, LARGE_CONTAINER, MOST_OBJECTS, MOST_BYTES = 2**20, 4096, 20_000, 2**31
_ATOMS = frozenset(
    {int, float, complex, str, bytes, bool, type(None), type, torch.dtype, torch.device, torch.Size, types.FunctionType,
     types.BuiltinFunctionType, types.MethodType, types.ModuleType, range, slice}
)  # fmt: skip
_MACHINERY = (
    "torch.utils.data", "torch.optim", "lightning", "pytorch_lightning", "lightning_fabric", "accelerate", "deepspeed",
    "transformers.trainer", "transformers.tokenization", "wandb", "mlflow", "tensorboard", "torch.utils.tensorboard",
    "comet_ml", "ray", "datasets", "pandas", "polars", "reweigh",
)  # fmt: skip
_LIVING = (
    "_thread",
    "threading",
    "queue",
    "socket",
    "multiprocessing",
    "concurrent",
    "asyncio",
    "_io",
    "io",
    "subprocess",
)
"""An object that holds a lock, a thread or a file has a life beside the pass, and is not turned back."""

Restore = Callable[[], bool]
"""Puts one thing back; whether it had moved, as far as that is known without looking at numbers."""


class Copies:
    """What one pass may change, as it was before; `restore` puts it back.

    Args:
        own: the identities of the model's parameters and buffers, which others look after.
        movers: the names of large things that are known to move, and so are copied.
        full: copy what is large too, and compare afterwards.
    """

    def __init__(self, own: frozenset[int], movers: set[str], *, full: bool = False) -> None:
        self._own, self._movers, self._full = own, movers, full
        self._seen: set[int] = set()
        self._bytes = 0
        self.saved: list[tuple[str, Restore]] = []
        self.watched: list[tuple[str, Callable[[], bool]]] = []

    def keep(self, value: Any, name: str, *, bare: bool = False) -> None:
        """Copy whatever can change in place here."""
        kind = type(value)
        if kind in _ATOMS or id(value) in self._seen or id(value) in self._own or len(self._seen) > MOST_OBJECTS:
            return
        self._seen.add(id(value))
        if isinstance(value, Tensor):
            self.tensor(value, name)
        elif isinstance(value, nn.Module):
            self._module(value, name)
        elif isinstance(value, np.ndarray):
            if self._worth_copying(value, name, value.nbytes >= LARGE_TENSOR, lambda: 0):
                self.saved.append((name, Array(value)))
        elif (generator := generator_of(value)) is not None:
            self.saved.append((name, generator))
        elif isinstance(value, list | dict | set | collections.deque | bytearray):
            self._container(value, name, bare)
        elif isinstance(value, tuple):
            self._inside(enumerate(value), name, bare)
        elif _is_turned_back(value):
            self.saved.append((name, Container(value.__dict__, False)))
            self._inside(value.__dict__.items(), name, False)

        elif slots := _slots(value):
            kept = Slots(value, slots)
            self.saved.append((name, kept))
            self._inside(kept.before.items(), name, False)

    def restore(self) -> list[str]:
        """Put everything back, the latest first; the names of what had moved unseen and cannot be put back.

        An interrupt is raised when all is back.
        """
        interrupted: KeyboardInterrupt | None = None
        while self.saved:
            try:
                name, put_back = self.saved[-1]
                if put_back() and self._full:
                    self._movers.add(name)
                self.saved.pop()
            except KeyboardInterrupt as stop:
                interrupted = stop
        surprises = [name for name, moved in self.watched if moved()]
        self.watched = []
        self._movers.update(surprises)
        if interrupted is not None:
            raise interrupted
        return surprises

    def tensor(self, t: Tensor, name: str) -> None:
        """Copy a tensor, or watch it where it is large and never moved."""
        if t.grad_fn is not None or t.is_meta:
            return  # a result of a pass that is over
        size = t.numel() * t.element_size()
        if self._worth_copying(t, name, size >= LARGE_TENSOR, lambda: _mark(t), size):
            self.saved.append((name, TensorCopy(t, self._full)))

    def _worth_copying(self, value: Any, name: str, large: bool, mark: Callable[[], Any], size: int = 0) -> bool:
        self._bytes += size
        if not large or name in self._movers or (self._full and self._bytes < MOST_BYTES):
            return True
        before = mark()
        self.watched.append((name, lambda: bool(mark() != before)))
        return False

    def _container(self, value: Any, name: str, bare: bool) -> None:
        if not self._worth_copying(value, name, len(value) > LARGE_CONTAINER, lambda: len(value)):
            return
        self.saved.append((name, Container(value, bare)))
        if len(value) <= LARGE_CONTAINER:
            self._inside(value.items() if isinstance(value, dict) else enumerate(value), name, bare)

    def _inside(self, items: Iterable[tuple[Any, Any]], name: str, bare: bool) -> None:
        for key, item in items:
            if type(item) not in _ATOMS:
                self.keep(item, f"{name}[{key!r}]" if not isinstance(key, str) else f"{name}.{key}", bare=bare)

    def _module(self, module: nn.Module, name: str) -> None:
        for inner, part in module.named_modules():
            if id(part) in self._own:
                continue
            self._seen.add(id(part))
            place = f"{name}.{inner}" if inner else name
            self.saved.append((place, Container(part.__dict__, False)))
            for held in (part._buffers, part._parameters):
                if held:
                    self.saved.append((place, Container(held, False)))
                    self._inside(held.items(), place, False)
            self._inside(((key, part.__dict__[key]) for key in extra_attributes(part)), place, False)


def _is_turned_back(value: Any) -> bool:
    """Whether an object's attributes are state of the loss: an object of a class that is nobody's machinery."""
    if not isinstance(getattr(value, "__dict__", None), dict):
        return False
    for base in type(value).__mro__[:-1]:
        name = base.__module__ or ""
        if name.startswith(_MACHINERY) and not name.startswith("reweigh_"):
            return False
        if is_library(name) and name.partition(".")[0] in ("torch", "numpy", "logging", *_LIVING):
            return False
    return not any((type(held).__module__ or "").partition(".")[0] in _LIVING for held in value.__dict__.values())


def _slots(value: Any) -> list[str]:
    """The filled slots of an object of the user's own classes."""
    names = [name for base in type(value).__mro__ if not is_library(base.__module__) for name in _named_slots(base)]
    return [name for name in names if name.isidentifier() and hasattr(value, name)]


def _named_slots(base: type) -> list[str]:
    slots = vars(base).get("__slots__", ())
    return [slots] if isinstance(slots, str) else [name for name in slots if not name.startswith("__")]


def _mark(t: Tensor) -> tuple[int, int]:
    return (0 if t.is_inference() else t._version), t.data_ptr()
