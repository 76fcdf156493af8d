"""Calls that weigh take turns: each is done or has not begun, and the model is left alone meanwhile."""

import functools
import threading
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from torch import nn
from torch.optim import Optimizer

from reweigh import distributed
from reweigh._torch import versions
from reweigh._types import Batch
from reweigh.errors import BadInput
from reweigh.undo import remember, whole


class Turns:
    """Which threads have weighed batches of this model, and whether one of them changes it while another weighs."""

    def __init__(self, model: nn.Module, optimizer: Optimizer | None) -> None:
        self._model, self._optimizer = model, optimizer
        self._callers: set[int] = set()

    def begin(self, *things: Any) -> None:
        """A call that fails has not been: what these things count and keep is put back then.

        Raises:
            BadInput: under `join()`.
        """
        distributed.forbid_join(self._model, self._optimizer)
        self._callers.add(threading.get_ident())
        remember(*things)

    def versions(self) -> int | None:
        """A number that any change of a parameter raises, where several threads weigh; else a change is the model's own."""
        if len(self._callers) < 2:
            return None
        return sum(versions(self._model.parameters()))


class _Weighs(Protocol):
    _turns: Turns

    def _begin(self) -> None: ...


_Self = TypeVar("_Self", bound=_Weighs)
_Out = TypeVar("_Out")


def in_turn(call: Callable[[_Self, Batch], _Out]) -> Callable[[_Self, Batch], _Out]:
    """A public call that weighs a batch: done or not begun, and by itself."""

    @functools.wraps(call)
    def by_itself(self: _Self, batch: Batch) -> _Out:
        self._begin()
        before = self._turns.versions()
        done = call(self, batch)
        if self._turns.versions() != before:
            raise BadInput(
                "the parameters were changed while a batch was being weighed: where several threads share a model, let one "
                "of them at a time weigh, pass backward and step"
            )
        return done

    return whole(by_itself)
