"""Kinds of wrong targets, each made from checked examples by a small function: what right ones are to be told from."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor

from reweigh.errors import BadInput

Kind = Callable[[Any, Tensor, torch.Generator], Tensor]
"""From a view of checked examples, their right targets (m, ...) and a generator to wrong targets, shaped alike.

Where the two are the same nothing is taught by it.
"""
_Function = TypeVar("_Function", bound=Kind)


class Kinds(dict[str, Kind]):
    """A registry of kinds by name, of one sort of targets: as a decorator it makes a function known by its own name."""

    def __call__(self, function: _Function) -> _Function:
        """Make `function` a kind."""
        self[function.__name__] = function
        return function

    def check(self, names: Sequence[str]) -> None:
        """See that all are there.

        Raises:
            BadInput: if one is not, or there is none.
        """
        if unknown := [name for name in names if name not in self]:
            raise BadInput(f"there is no kind of wrong labels {unknown[0]!r}: choose from {', '.join(self)}")
        if not names:
            raise BadInput("a verifier is taught by wrong labels of at least one kind: name some, or leave kinds= out")


KINDS = kind = Kinds()
"""Of classes; `@kind` adds one."""
label_kind = Kinds()
"""Of several labels an example."""
number_kind = Kinds()
"""Of numbers."""
