"""How operations and looks at numbers are seen while a pass is recorded."""

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from reweigh import _torch
from reweigh._torch import TorchDispatchMode, leave_dispatch_mode, set_compiling
from reweigh.undo import ForAWhile, lent

_READERS = {
    Tensor.tolist: "tolist()",
    Tensor.numpy: "numpy()",
    Tensor.__array__: "numpy()",
    Tensor.data_ptr: "data_ptr()",
    Tensor.__dlpack__: "__dlpack__()",
}


class Readers(TorchFunctionMode):
    """Within the block calls that read a tensor's numbers from Python, without any operation, are noted.

    Attributes:
        found: the first of them, in a clause.
    """

    def __init__(self) -> None:
        super().__init__()
        self.found: str | None = None

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Called by PyTorch for every call that Python makes within the block."""
        if func in _READERS:
            self.found = self.found or f"numbers are read on the way, by {_READERS[func]}"
        return func(*args, **(kwargs or {}))


class compiling(ForAWhile):
    """Within the block code that asks is told that it is being compiled: it leaves looks at numbers alone where it can."""

    def change(self) -> None:
        """The answer is another one."""
        torch.clear_autocast_cache()  # of parameters in half precision that were made of them before
        lent(functools.partial(set_compiling, _torch.compiling()))
        set_compiling(True)


class noting(ForAWhile):
    """Likewise, and `note(operation, args, kwargs, result)` is told of every operation on its way to a kernel."""

    def __init__(self, note: Callable[[Any, Any, dict[str, Any], Any], None]) -> None:
        self._mode = _Noting(note)

    def change(self) -> None:
        """The mode comes in."""
        compiling().change()
        lent(functools.partial(leave_dispatch_mode, self._mode))
        self._mode.__enter__()  # type: ignore[no-untyped-call]


class _Noting(TorchDispatchMode):
    def __init__(self, note: Callable[[Any, Any, dict[str, Any], Any], None]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._note = note

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        self._note(func, args, kwargs, out)
        return out


def tensors_in(value: Any) -> list[Tensor]:
    """The tensors in an argument or a result."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, tuple | list):
        return [t for item in value for t in tensors_in(item)]
    return tensors_in(list(value.values())) if isinstance(value, dict) else []
