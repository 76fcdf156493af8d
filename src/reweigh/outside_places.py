"""Where a loss and a module reach state that no buffer holds: closures, globals, defaults, attributes, hooks.

A `Place` is a binding, not a value: it is looked up anew at each pass, since training may bind something else there. It
holds its owner weakly, so that a plan never keeps a model alive. Python's and PyTorch's own classes, data loaders,
optimizers and the machinery of training frameworks are left alone.
"""

import dis
import functools
import operator
import sys
import types
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

_STANDARD = frozenset(nn.Module().__dict__) | {
    "_reversed_padding_repeated_twice", "_flat_weights", "_flat_weight_refs", "_flat_weights_names", "_all_weights",
}  # fmt: skip
_ATOMS = (int, float, complex, str, bytes, type, types.ModuleType, types.BuiltinFunctionType, range, slice)
_LOG = {"append", "extend", "add", "write"}


@dataclass(frozen=True)
class Place:
    """A binding.

    Attributes:
        owner: the object that has it, or None when that is gone.
        read: from the owner to what is bound; raises LookupError, AttributeError or ValueError where nothing is.
        name: for sentences.
        bare: bound in a closure or a module's globals, by its own, not in an object: may be a mere count of calls.
        bind: binds something else there; None where the code that has the place never does.
    """

    owner: Callable[[], Any]
    read: Callable[[Any], Any]
    name: str
    bare: bool = False
    bind: Callable[[Any, Any], None] | None = None


def places_of_loss(loss: Any) -> list[Place]:
    """What a loss function reaches: its closure, globals it names, defaults, `__self__`, what a partial holds."""
    return list(_of_callable(loss, "per_example_loss", set()))


def places_of_module(module: nn.Module) -> list[Place]:
    """What the module's parts hold beside parameters, buffers and parts: attributes, hooks, what their classes reach."""
    seen: set[int] = set()
    return [place for name, part in module.named_modules() for place in _of_part(name or "model", part, seen)]


def is_library(name: str | None) -> bool:
    """Whether a Python module of this name comes with Python or was installed, as opposed to the user's own code."""
    top = (name or "").partition(".")[0]
    if top in sys.stdlib_module_names and top != "__main__":
        return True
    file = getattr(sys.modules.get(name or ""), "__file__", None) or ""
    return "site-packages" in file or "dist-packages" in file


def may_hold_state(value: Any) -> bool:
    """Whether what is bound could ever be changed in place, or is yet to come."""
    return not isinstance(value, _ATOMS) and not isinstance(value, types.FunctionType)


def extra_attributes(part: nn.Module) -> list[str]:
    """The attributes of a module that PyTorch's own code did not put there."""
    return [name for name in part.__dict__ if name not in _STANDARD]


def _of_part(name: str, part: nn.Module, seen: set[int]) -> Iterator[Place]:
    owner = weakref.ref(part)
    for attribute in extra_attributes(part):
        value = part.__dict__[attribute]
        if may_hold_state(value) and not _is_plain_tuple(value):
            yield Place(owner, _item("__dict__", attribute), f"{name}.{attribute}")
        elif isinstance(value, types.FunctionType):
            yield from _of_callable(value, f"{name}.{attribute}", seen)
    for hooks in (part._forward_hooks, part._forward_pre_hooks):
        for hook in hooks.values():
            yield from _of_callable(hook, f"a hook of {name}", seen)
    yield from _of_class(type(part), seen)


def _of_class(cls: type, seen: set[int]) -> Iterator[Place]:
    for base in cls.__mro__:
        if id(base) in seen or is_library(base.__module__):
            continue
        seen.add(id(base))
        for attribute, value in vars(base).items():
            function = value.__func__ if isinstance(value, staticmethod | classmethod) else value
            if isinstance(function, types.FunctionType):
                yield from _of_callable(function, base.__name__, seen)
            elif isinstance(value, list | dict | set | Tensor) and not attribute.startswith("__"):
                yield Place(weakref.ref(base), _item("__dict__", attribute), f"{base.__name__}.{attribute}")


def _of_callable(call: Any, name: str, seen: set[int]) -> Iterator[Place]:
    if id(call) in seen or isinstance(call, type | types.BuiltinFunctionType):
        return
    seen.add(id(call))
    if isinstance(call, functools.partial):
        yield from _of_callable(call.func, name, seen)
        for key, value in (*enumerate(call.args), *call.keywords.items()):
            read = _item("args" if isinstance(key, int) else "keywords", key)
            yield from _value(weakref.ref(call), read, value, f"{name}'s argument {key!r}", seen)
    elif isinstance(call, types.MethodType):
        yield Place(weakref.ref(call.__self__), _itself, f"{name}'s {type(call.__self__).__name__}")
        yield from _of_class(type(call.__self__), seen)
        yield from _of_callable(call.__func__, name, seen)
    elif isinstance(call, types.FunctionType):
        yield from _of_function(call, seen)
    elif hasattr(call, "__dict__"):
        yield Place(weakref.ref(call), _itself, name if name == "per_example_loss" else type(call).__name__)
        yield from _of_class(type(call), seen)


def _of_function(function: types.FunctionType, seen: set[int]) -> Iterator[Place]:
    if is_library(function.__module__):
        return
    owner, code = weakref.ref(function), function.__code__
    uses = _uses(code)
    for index, (name, cell) in enumerate(zip(code.co_freevars, function.__closure__ or (), strict=True)):
        if not _is_log(uses.get(name)):
            bind = functools.partial(_bind_cell, index) if "store" in uses.get(name, ()) else None
            value = contents(cell)
            yield from _value(owner, functools.partial(_cell, index), value, name, seen, bare=True, bind=bind)
    for name, how in uses.items():
        if name in function.__globals__ and not _is_log(how):
            bind = functools.partial(_bind_global, name) if "store" in how else None
            read = _item("__globals__", name)
            yield from _value(owner, read, function.__globals__[name], name, seen, bare=True, bind=bind)
    for index, value in enumerate(function.__defaults__ or ()):
        yield from _value(
            owner, _item("__defaults__", index), value, f"a default of {function.__name__}", seen, bare=True
        )
    for key, value in (function.__kwdefaults__ or {}).items():
        yield from _value(owner, _item("__kwdefaults__", key), value, f"{function.__name__}'s {key}", seen, bare=True)
    if function.__dict__:
        yield Place(owner, operator.attrgetter("__dict__"), function.__name__, bare=True)
        for value in function.__dict__.values():  # what a decorator wraps
            if callable(value):
                yield from _of_callable(value, function.__name__, seen)


def _value(
    owner: Callable[[], Any],
    read: Callable[[Any], Any],
    value: Any,
    name: str,
    seen: set[int],
    *,
    bare: bool = False,
    bind: Callable[[Any, Any], None] | None = None,
) -> Iterator[Place]:
    if isinstance(value, types.FunctionType | types.MethodType | functools.partial):
        yield from _of_callable(value, name, seen)
    elif bind is not None or (may_hold_state(value) and not _is_plain_tuple(value)):
        yield Place(owner, read, name, bare, bind)
        if hasattr(value, "__dict__") and not isinstance(value, Tensor | nn.Module):
            yield from _of_class(type(value), seen)
    if isinstance(value, nn.Module) and id(value) not in seen:
        seen.add(id(value))
        for inner, part in value.named_modules():
            for hook in (*part._forward_hooks.values(), *part._forward_pre_hooks.values()):
                yield from _of_callable(hook, f"a hook of {name}.{inner}", seen)
            yield from _of_class(type(part), seen)


@functools.lru_cache(maxsize=4096)
def _uses(code: types.CodeType) -> Mapping[str, set[str]]:
    """For each free or global name, what is done with it: "store", the method called on it first, or "read"."""
    found: dict[str, set[str]] = {}
    steps = list(dis.get_instructions(code))
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        if step.opname in ("STORE_DEREF", "STORE_GLOBAL"):
            found.setdefault(step.argval, set()).add("store")
        elif step.opname in ("LOAD_DEREF", "LOAD_GLOBAL", "LOAD_CLASSDEREF", "LOAD_NAME"):
            method = following is not None and following.opname in ("LOAD_METHOD", "LOAD_ATTR")
            found.setdefault(step.argval, set()).add(following.argval if method and following else "read")
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            for name, how in _uses(inner).items():
                found.setdefault(name, set()).update(how)
    return found


def _is_log(how: set[str] | None) -> bool:
    """Whether the code only ever writes there, as one who counts or records calls does."""
    return how is not None and bool(how) and how <= _LOG


def _is_plain_tuple(value: Any) -> bool:
    return isinstance(value, tuple) and all(isinstance(item, _ATOMS) or item is None for item in value)


def contents(cell: Any) -> Any:
    """What a cell of a closure holds; None where nothing is bound yet."""
    try:
        return cell.cell_contents
    except ValueError:
        return None


def _itself(owner: Any) -> Any:
    return owner


def _item(holder: str, key: Any) -> Callable[[Any], Any]:
    return lambda owner: getattr(owner, holder)[key]


def _cell(index: int, owner: Any) -> Any:
    return owner.__closure__[index].cell_contents


def _bind_cell(index: int, owner: Any, value: Any) -> None:
    owner.__closure__[index].cell_contents = value


def _bind_global(name: str, owner: Any, value: Any) -> None:
    owner.__globals__[name] = value
