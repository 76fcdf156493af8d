"""Operations in place, and what they perform."""

import operator
from collections.abc import Callable
from typing import Any

from torch import Tensor

_OPERATORS = {
    "__iadd__": operator.add,
    "__isub__": operator.sub,
    "__imul__": operator.mul,
    "__itruediv__": operator.truediv,
}


def out_of_place(func: Callable[..., Any]) -> Callable[..., Any] | None:
    """The operation that an in-place one performs."""
    name = getattr(func, "__name__", "")
    if name in _OPERATORS:
        return _OPERATORS[name]
    return getattr(Tensor, name[:-1], None) if name.endswith("_") and not name.endswith("__") else None
