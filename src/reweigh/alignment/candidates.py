"""The engines by the names that users give them, and the first that works."""

from typing import Any

import torch

from reweigh.alignment.check import check
from reweigh.alignment.double import Double
from reweigh.alignment.engine import Engine, Task
from reweigh.alignment.finite import COARSE_STEP, Finite
from reweigh.alignment.forward import Forward
from reweigh.alignment.ghost import Ghost
from reweigh.alignment.vouched import Choice

CANDIDATES: dict[str, tuple[Engine, ...]] = {
    "ghost": (Ghost(),),
    "forward": (Forward(),),
    "finite": (Finite(), Finite(COARSE_STEP)),
    "double": (Double(),),
}
"""By the name a user gives, cheapest first; the finite engine has a coarser step for half precision."""


def first_that_works(task: Task, leaving_out: str) -> str | None:
    """The name of the first other engine that computes this task and passes the check along a random direction."""
    generator = torch.Generator().manual_seed(0)
    direction = {name: torch.randn(p.shape, generator=generator).to(p) for name, p in task.chosen.items()}
    for name, group in CANDIDATES.items():
        for engine in group if name != leaving_out else ():
            try:
                check(engine, task, direction)
            except Exception:
                continue
            return name
    return None


def as_saved(asked: str, state: dict[str, Any]) -> Choice:
    """The choice of a checkpoint, which is asked first and has to pass a check like any other."""
    name, step = state["chosen"]
    every = [engine for group in CANDIDATES.values() for engine in group]
    known = [engine for engine in every if engine.name == name and getattr(engine, "step", None) == step]
    before = every[: every.index(known[0])] if known else []
    found = {name: state[name] for name in ("identity", "sharing", "shares")}
    return Choice(engine=known[0] if known else None, told=list(state["told"]), given_up=before, resumed=True, **found)
