"""Whose fault it is where an engine is off: the last layer along whose own parameters it is so by itself."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from reweigh._types import Params
from reweigh.alignment.engine import Engine
from reweigh.alignment.refusal import CannotBeRight
from reweigh.alignment.truth import Truth, off_along
from reweigh.student import EngineTask


class Disagrees(CannotBeRight):
    """An engine and the ordinary backward pass disagree at a layer."""

    def __init__(self, engine: str, layer: str, cause: str) -> None:
        super().__init__(
            engine, layer, cause, f"engine {engine!r} disagrees with the backward pass at {layer}: {cause}"
        )

    def __reduce__(self) -> tuple[type["Disagrees"], tuple[str, ...]]:
        return type(self), (self.engine, self.layer, self.cause)


class Off(Exception):
    """An engine is off along these tangents by more than is allowed."""

    def __init__(self, truths: list[Truth], off: float, limit: float, tangents: Params) -> None:
        super().__init__()
        self.truths, self.limit, self.tangents = truths, limit, tangents
        self.told = f"the adjoint identity holds only {told(off, limit, truths[0].dtype)}"


@contextmanager
def located(engine: Engine, task: EngineTask, locate: bool) -> Iterator[None]:
    """Whose fault it is, where an engine is off within the block."""
    try:
        yield
    except Off as wrong:
        layer = _last_layer_off(engine, task, wrong) if locate else "some layer"
        raise Disagrees(engine.name, layer, wrong.told) from None


def _last_layer_off(engine: Engine, task: EngineTask, wrong: Off) -> str:
    """The last submodule along whose own parameters the engine is off by itself: what it feeds is to blame."""
    found = f"{type(task.module).__name__}'s own forward"
    seen: set[int] = set()  # a tied parameter belongs to the first that has it
    for name, part in task.module.named_modules():
        own = {id(p) for p in part.parameters(recurse=False)} - seen
        seen |= own
        inside = {key: v for key, v in wrong.tangents.items() if key in task.chosen and id(task.chosen[key]) in own}
        if name and inside and not off_along(wrong.truths, inside, engine.alignments(task, inside)) <= wrong.limit:
            found = f"{name} ({type(part).__name__})"
    return found


def told(off: float, limit: float, dtype: torch.dtype) -> str:
    """How far off, and what is allowed."""
    return f"to {off:.1e} ({limit:.0e} is allowed in {str(dtype).removeprefix('torch.')})"
