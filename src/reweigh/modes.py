"""The switches of a thread that a pass turns, read at once and put back at once.

Gradient mode, forward-mode differentiation and its level, function modes, autocast and its nesting, filters of warnings.
`put_back` can be called at any time and as often as one likes: it says how things are to be, not what to undo.
"""

import functools
import warnings
from typing import Any, NamedTuple

import torch

from reweigh import _torch


class Modes(NamedTuple):
    """How this thread's switches stand."""

    grad: bool
    forward_grad: bool
    level: int
    functions: tuple[Any, ...]
    autocast: tuple[tuple[str, bool, torch.dtype], ...]
    nesting: int
    cache: bool
    filters: Any

    @classmethod
    def now(cls) -> "Modes":
        """As they are; a few microseconds."""
        return cls(
            torch.is_grad_enabled(),
            _torch.forward_grad_enabled(),
            _torch.dual_level(),
            _torch.function_modes(),
            tuple((kind, torch.is_autocast_enabled(kind), torch.get_autocast_dtype(kind)) for kind in _kinds()),
            _nesting(),
            torch.is_autocast_cache_enabled(),
            warnings.filters,
        )

    def put_back(self) -> None:
        """As they were."""
        _torch.set_function_modes(self.functions)  # first, since a mode sees what else is called here
        _torch.set_dual_level(self.level)
        _torch.set_grad(self.grad)
        _torch.set_forward_grad(self.forward_grad)
        for kind, enabled, dtype in self.autocast:
            torch.set_autocast_enabled(kind, enabled)
            torch.set_autocast_dtype(kind, dtype)
        torch.set_autocast_cache_enabled(self.cache)
        _to_nesting(self.nesting)
        if warnings.filters is not self.filters:
            warnings.filters = self.filters
            warnings._filters_mutated()  # type: ignore[attr-defined]


@functools.cache
def _kinds() -> tuple[str, ...]:
    """The kinds of devices that autocast is set for."""
    try:
        accelerator = torch.accelerator.current_accelerator()
    except RuntimeError:  # PyTorch 2.6, where there is none
        return ("cpu",)
    return ("cpu",) if accelerator is None else ("cpu", accelerator.type)


def _nesting() -> int:
    found: int = torch.autocast_increment_nesting() - 1
    torch.autocast_decrement_nesting()
    return found


def _to_nesting(nesting: int) -> None:
    while (now := _nesting()) != nesting:
        (torch.autocast_decrement_nesting if now > nesting else torch.autocast_increment_nesting)()
    if nesting == 0:
        torch.clear_autocast_cache()
