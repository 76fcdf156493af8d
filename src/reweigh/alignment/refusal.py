"""Refusals that teach: which layer an engine cannot go through, and which engine works.

An engine runs its passes within `refusing(...)`. When PyTorch raises there, and the model's ordinary pass does not, the
layer is looked for: every submodule is called again on the inputs it was given, innermost first, until one fails by
itself. Then the other engines are tried. All of this happens on the way to an error only.
"""

import contextlib
import re
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.autograd.forward_ad import dual_level, make_dual

from reweigh.alignment.switches import noted
from reweigh.alignment.unfused import Unfused
from reweigh.as_found import hooked, substituted, undisturbed
from reweigh.errors import EngineRefused, ReweighError
from reweigh.student import gradients, passes_through

if TYPE_CHECKING:
    from reweigh.alignment.engine import Task


@contextlib.contextmanager
def refusing(engine: str, task: "Task", again: Callable[[], object]) -> Iterator[None]:
    """Turn what is raised within the block into `EngineRefused`, where the engine is to blame.

    It is not where memory ran out, where the model's ordinary pass fails too, or where the engine's own pass, asked
    `again`, does not: then the error is the user's own, and reaches the user as it is.
    """
    try:
        yield
    except ReweighError:
        raise
    except Exception as error:
        if _asking_again.get() or is_out_of_memory(error):
            raise
        _raise_what_is_the_users(error, task, again)
        if is_searching():
            raise EngineRefused(short(error)) from error
        layer = _layer(task, _PROBES[engine]) or "the loss function"
        raise EngineRefused(
            f"engine {engine!r} cannot go through {layer} ({short(error)}): {remedy(engine, task)}"
        ) from error


_asking_again: ContextVar[bool] = ContextVar("asking_again", default=False)


def _raise_what_is_the_users(error: Exception, task: "Task", again: Callable[[], object]) -> None:
    try:
        with undisturbed(task.module), torch.enable_grad():
            gradients(task.losses().sum(), list(task.chosen.values()))
    except EngineRefused:
        raise
    except Exception as own:
        raise (error if type(own) is type(error) else own) from None
    try:
        with noted(_asking_again, True):
            again()
    except Exception:
        return
    raise error


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, on whatever device: no engine is to blame for that, and asking again would not help."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError) and bool(re.search(r"out of memory|allocate memory|alloc_cpu", str(error)))
    )


_searching: ContextVar[bool] = ContextVar("searching", default=False)


def is_searching() -> bool:
    """Whether another engine is being looked for: a refusal then needs no sentence, and must not search in turn."""
    return _searching.get()


def going_on(yes: bool) -> noted:
    """Within the block a refusal needs no advice, if another engine is tried anyway."""
    return noted(_going_on, yes)


_going_on: ContextVar[bool] = ContextVar("going_on", default=False)


def remedy(engine: str, task: "Task") -> str:
    """Which other engine works, found by trying."""
    if _going_on.get():
        return "another is tried"
    from reweigh.alignment.candidates import first_that_works  # which imports the engines, and they this module

    with noted(_searching, True):
        works = first_that_works(task, leaving_out=engine)
    return f"engine={works!r} works for this model" if works else "no other engine works for this model either"


def short(error: Exception) -> str:
    """The first clause of PyTorch's message."""
    text = re.split(r"(?<=[a-z])\.\s|\n", str(error).strip())[0].rstrip(".")
    return text if len(text) <= 140 else text[:139] + "…"


def _layer(task: "Task", probe: Callable[[nn.Module, tuple[Any, ...], dict[str, Any]], None]) -> str | None:
    """The innermost submodule that fails under the probe by itself, as `name (Type)`."""
    calls: list[tuple[str, nn.Module, tuple[Any, ...], dict[str, Any]]] = []
    names = {module: name for name, module in task.module.named_modules()}

    def record(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], _: Any) -> None:
        calls.append((names[module], module, args, kwargs))

    hooks = hooked([(module, record) for module in names], with_kwargs=True)
    with hooks, undisturbed(task.module), torch.enable_grad():  # a loss may take gradients itself
        task.losses()
    for name, module, args, kwargs in calls:  # a hook fires when a module is done: the innermost comes first
        try:
            with undisturbed(task.module):
                probe(module, args, kwargs)
        except Exception:
            kind = type(module).__name__
            return f"{name} ({kind})" if name else f"{kind}'s own forward"
    return None


def _differentiable(value: Any) -> Any:
    """Floating tensors as fresh leaves that require gradients; everything else as it is."""
    if isinstance(value, Tensor) and value.is_floating_point():
        return value.detach().clone().requires_grad_()
    if isinstance(value, tuple | list):
        return type(value)(_differentiable(v) for v in value) if not hasattr(value, "_fields") else value
    return value


def _tensors(output: Any) -> Iterator[Tensor]:
    if isinstance(output, Tensor):
        if output.is_floating_point():
            yield output
    elif isinstance(output, dict):
        for part in output.values():
            yield from _tensors(part)
    elif isinstance(output, tuple | list):
        for part in output:
            yield from _tensors(part)


def _probe_forward(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    with dual_level(), torch.enable_grad(), Unfused(forward_mode=True):

        def dual(value: Any) -> Any:
            if isinstance(value, Tensor) and value.is_floating_point():
                return make_dual(value.detach(), torch.ones_like(value))
            return value

        parameters = {name: dual(p) for name, p in module.named_parameters()}
        with substituted(module, parameters):
            module(*map(dual, args), **{k: dual(v) for k, v in kwargs.items()})


def refuse_differentiable_once(gradients: Sequence[Tensor]) -> None:
    """PyTorch marks a backward pass that allows no second one with a node that raises, but prunes it where it can.

    Raises:
        RuntimeError: if such a node is in the graph of a gradient.
    """
    if any(passes_through(g, "Error") for g in gradients):
        raise RuntimeError("a function marked once_differentiable cannot be differentiated twice")


def _probe_double(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    with torch.enable_grad(), Unfused():
        args = tuple(map(_differentiable, args))
        outputs = [t for t in _tensors(module(*args, **kwargs)) if t.requires_grad]
        leaves = [t for t in _tensors(args) if t.requires_grad] + [p for p in module.parameters() if p.requires_grad]
        if not outputs or not leaves:
            return
        weights = [torch.ones_like(t, requires_grad=True) for t in outputs]
        first = torch.autograd.grad(outputs, leaves, weights, create_graph=True, allow_unused=True)
        used = [g for g in first if g is not None and g.requires_grad]
        if used:
            refuse_differentiable_once(used)
            torch.autograd.grad(used, weights, [torch.ones_like(g) for g in used], allow_unused=True)


def _probe_ghost(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Only parameters carry tangents here; what hides them from PyTorch has to know what to do with these."""
    with dual_level(), torch.enable_grad():
        duals = {name: make_dual(p.detach(), torch.ones_like(p)) for name, p in module.named_parameters()}
        with substituted(module, duals):
            module(*args, **kwargs)


_PROBES = {"forward": _probe_forward, "double": _probe_double, "ghost": _probe_ghost}
