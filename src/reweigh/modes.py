"""The switches of a thread that a pass turns, read at once and put back at once.

Gradient mode, forward-mode differentiation and its level, function modes, autocast and its nesting, filters of warnings.
`put_back` can be called at any time and as often as one likes: it says how things are to be, not what to undo.
"""

import functools
import warnings
from typing import Any, NamedTuple

import torch
from torch.autograd import forward_ad
from torch.overrides import _get_current_function_mode_stack, _pop_mode, _push_mode


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
            torch._C._is_fwd_grad_enabled(),
            forward_ad._current_level,
            tuple(_get_current_function_mode_stack()) if torch._C._len_torch_function_stack() else (),
            tuple((kind, torch.is_autocast_enabled(kind), torch.get_autocast_dtype(kind)) for kind in _kinds()),
            _nesting(),
            torch.is_autocast_cache_enabled(),
            warnings.filters,
        )

    def put_back(self) -> None:
        """As they were."""
        _to_functions(self.functions)  # first, since a mode sees what else is called here
        _to_level(self.level)
        torch._C._set_grad_enabled(self.grad)
        torch._C._set_fwd_grad_enabled(self.forward_grad)
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
    accelerator = torch.accelerator.current_accelerator()
    return ("cpu",) if accelerator is None else ("cpu", accelerator.type)


def _to_functions(modes: tuple[Any, ...]) -> None:
    while True:
        now = _get_current_function_mode_stack()
        if len(now) <= len(modes) and all(one is other for one, other in zip(now, modes, strict=False)):
            break
        _pop_mode()
    for mode in modes[len(now) :]:
        _push_mode(mode)


def _to_level(level: int) -> None:
    """An interrupt can come between what PyTorch does in C++ and what it notes of it in Python."""
    for opened in range(level + 2, level, -1):
        try:
            torch._C._exit_dual_level(level=opened)
        except RuntimeError:  # it is not open
            continue
    forward_ad._current_level = level


def _nesting() -> int:
    found: int = torch.autocast_increment_nesting() - 1
    torch.autocast_decrement_nesting()
    return found


def _to_nesting(nesting: int) -> None:
    while (now := _nesting()) != nesting:
        (torch.autocast_decrement_nesting if now > nesting else torch.autocast_increment_nesting)()
    if nesting == 0:
        torch.clear_autocast_cache()
