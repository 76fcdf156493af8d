"""What to do where an engine cannot be right: the other engines are tried, and one that works is named."""

from typing import NoReturn

import torch

from reweigh.alignment.candidates import CANDIDATES
from reweigh.alignment.check import check
from reweigh.alignment.refusal import CannotBeRight
from reweigh.errors import EngineRefused
from reweigh.student import EngineTask


def first_that_works(task: EngineTask, leaving_out: str) -> str | None:
    """The name of the first other engine that computes this task and passes the check along a random direction."""
    generator = torch.Generator().manual_seed(0)
    direction = {
        name: torch.randn(p.shape, generator=generator).to(p.device, p.dtype) for name, p in task.chosen.items()
    }
    for name, group in CANDIDATES.items():
        for engine in group if name != leaving_out else ():
            try:
                check(engine, task, direction, locate=False)
            except Exception:
                continue
            return name
    return None


def remedy(engine: str, task: EngineTask) -> str:
    """Which other engine works, found by trying."""
    works = first_that_works(task, leaving_out=engine)
    return f"engine={works!r} works for this model" if works else "no other engine works for this model either"


def advised(refused: EngineRefused, task: EngineTask) -> str:
    """The sentence, with the remedy where it is a fact about an engine."""
    return f"{refused}: {remedy(refused.engine, task)}" if isinstance(refused, CannotBeRight) else str(refused)


def going_on(refused: EngineRefused) -> str:
    """The sentence, where another engine is tried anyway."""
    return f"{refused}: another is tried" if isinstance(refused, CannotBeRight) else str(refused)


def refuse(refused: EngineRefused, task: EngineTask) -> NoReturn:
    """Raise it as a sentence that says what to do."""
    raise EngineRefused(advised(refused, task)) from (refused.__cause__ or refused)
