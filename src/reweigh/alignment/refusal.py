"""What an engine raises where it cannot be right, as a fact: the layer and the cause. Advice is added elsewhere (`advice`).

An engine runs its passes within `refusing(...)`. When PyTorch raises there, and the model's ordinary pass does not, the
layer is looked for: every submodule is called again on the inputs it was given, innermost first, until one fails by
itself. All of this happens on the way to an error only.
"""

import contextlib
import re
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import torch
from torch import nn

from reweigh._types import Params
from reweigh.alignment.engine import Engine
from reweigh.alignment.switches import noted
from reweigh.as_found import hooked, preserve_module_state
from reweigh.errors import EngineRefused, ReweighError
from reweigh.student import EngineTask


class CannotBeRight(EngineRefused):
    """An engine cannot be right for a task: a fact, of which `advice` makes a sentence that says what to do.

    Attributes:
        engine: its name.
        layer: where.
        cause: why.
    """

    def __init__(self, engine: str, layer: str, cause: str, told: str) -> None:
        super().__init__(told)
        self.engine, self.layer, self.cause = engine, layer, cause


class CannotGoThrough(CannotBeRight):
    """PyTorch cannot take the engine's pass through a layer."""

    def __init__(self, engine: str, layer: str, cause: str) -> None:
        super().__init__(engine, layer, cause, f"engine {engine!r} cannot go through {layer} ({cause})")

    def __reduce__(self) -> tuple[type["CannotGoThrough"], tuple[str, ...]]:
        return type(self), (self.engine, self.layer, self.cause)


@contextlib.contextmanager
def refusing(engine: Engine, task: EngineTask, direction: Params) -> Iterator[None]:
    """Turn what is raised within the block into `CannotGoThrough`, where the engine is to blame.

    It is not where memory ran out, where the model's ordinary pass fails too, or where the engine, asked again by
    itself, goes through: then the error is the user's own, and reaches the user as it is.
    """
    if task.sharded and not engine.spread:
        raise CannotGoThrough(engine.name, "fully_shard", NOT_SPREAD)
    try:
        yield
    except ReweighError:
        raise
    except Exception as error:
        if _asking_again.get() or is_out_of_memory(error) or (task.sharded and not _has_no_rule(error)):
            raise
        if task.sharded:  # to look for the layer by other passes, all ranks would have to have met the error
            raise CannotGoThrough(engine.name, _innermost(error, task) or "the loss function", short(error)) from error
        _raise_what_is_the_users(error, engine, task, direction)
        layer = _layer(task, engine) or "the loss function"
        raise CannotGoThrough(engine.name, layer, short(error)) from error


NOT_SPREAD = "it needs a layer's parameters again when the layer has given them back"


def _has_no_rule(error: Exception) -> bool:
    """Whether PyTorch says that it cannot follow dual numbers, which is so on all ranks."""
    return isinstance(error, NotImplementedError) or bool(re.search(r"forward[ -](mode )?(AD|auto)", str(error)))


def _innermost(error: Exception, task: EngineTask) -> str | None:
    """The innermost submodule that was at work when the error was raised, as `name (Type)`."""
    names = {id(module): f"{name} ({type(module).__name__})" for name, module in task.module.named_modules() if name}
    found, trace = None, error.__traceback__
    while trace is not None:
        found = names.get(id(trace.tb_frame.f_locals.get("self")), found)
        trace = trace.tb_next
    return found


_asking_again: ContextVar[bool] = ContextVar("asking_again", default=False)


def _raise_what_is_the_users(error: Exception, engine: Engine, task: EngineTask, direction: Params) -> None:
    try:
        with preserve_module_state(task.walk), torch.enable_grad():
            task.gradients(task.losses().sum())
    except EngineRefused:
        raise
    except Exception as own:
        raise (error if type(own) is type(error) else own) from None
    try:
        with noted(_asking_again, True):
            engine.alignments(task, direction)
    except Exception:
        return
    raise error


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, on whatever device: no engine is to blame for that, and asking again would not help."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError) and bool(re.search(r"out of memory|allocate memory|alloc_cpu", str(error)))
    )


def short(error: Exception) -> str:
    """The first clause of PyTorch's message."""
    text = re.split(r"(?<=[a-z])\.\s|\n", str(error).strip())[0].rstrip(".")
    return text if len(text) <= 140 else text[:139] + "…"


def _layer(task: EngineTask, engine: Engine) -> str | None:
    """The innermost submodule that fails by itself under what the engine does, as `name (Type)`."""
    calls: list[tuple[str, nn.Module, tuple[Any, ...], dict[str, Any]]] = []
    names = {module: name for name, module in task.module.named_modules()}

    def record(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], _: Any) -> None:
        calls.append((names[module], module, args, kwargs))

    hooks = hooked([(module, record) for module in names], with_kwargs=True)
    with hooks, preserve_module_state(task.walk), torch.enable_grad():  # a loss may take gradients itself
        task.losses()
    for name, module, args, kwargs in calls:  # a hook fires when a module is done: the innermost comes first
        try:
            with preserve_module_state(task.walk):
                engine.probe(module, args, kwargs)
        except Exception:
            kind = type(module).__name__
            return f"{name} ({kind})" if name else f"{kind}'s own forward"
    return None
