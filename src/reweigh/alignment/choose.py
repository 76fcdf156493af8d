"""Which engine: tried at the first batch, checked, and explained."""

import weakref
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

import torch
from torch import Tensor, nn

from reweigh._types import Params
from reweigh.alignment.check import Undecided, check, check_joint
from reweigh.alignment.double import Double
from reweigh.alignment.engine import Engine, Task, Weigh, Weighted
from reweigh.alignment.finite import COARSE_STEP, Finite
from reweigh.alignment.forward import Forward
from reweigh.alignment.ghost import Ghost
from reweigh.alignment.selection import Selection
from reweigh.errors import BadInput, EngineRefused

CANDIDATES: dict[str, tuple[Engine, ...]] = {
    "ghost": (Ghost(),),
    "forward": (Forward(),),
    "finite": (Finite(), Finite(COARSE_STEP)),
    "double": (Double(),),
}
"""By the name a user gives, cheapest first; the finite engine has a coarser step for half precision."""


_Found = TypeVar("_Found")


class Checked(Engine):
    """The first candidate that works and passes the check, decided once, at the first batch with a clean gradient."""

    name: ClassVar[str] = "checked"
    exact: ClassVar[bool] = False

    def __init__(self, asked: str) -> None:
        if asked != "auto" and asked not in CANDIDATES:
            raise BadInput(f"there is no engine {asked!r}: choose 'auto', {', '.join(map(repr, CANDIDATES))}")
        self.asked = asked
        self.chosen: Engine | None = None
        self.reasons: list[str] = []
        self._shares: bool | None = None
        self._manner: object = None
        self._given_up: list[Engine] = []

    def alignments(self, task: Task, direction: Params) -> Tensor:
        """By the chosen engine; chooses it first if that has not happened."""
        return self._by(task, direction, lambda engine: engine.alignments(task, direction))

    def backward(
        self,
        task: Task,
        direction: Params,
        weigh: Weigh,
        *,
        share: bool = True,
        selection: Selection | None = None,
    ) -> Weighted:
        """By the chosen engine; chooses it first, and tries whether its shared pass is right, if that has not happened."""

        def use(engine: Engine) -> Weighted:
            if share and self._shares is None and not task.wrapped:
                self._shares, reason = check_joint(engine, task, direction)
                self.reasons.append(reason)
            share_too = share and bool(self._shares)
            if share_too:
                self._still_works(engine, task, direction)
            return engine.backward(task, direction, weigh, share=share_too, selection=selection)

        return self._by(task, direction, use)

    def explain(self) -> str:
        """Which engine is used and why, a line a candidate."""
        if self.chosen is None:
            return f"engine={self.asked!r}: not chosen yet, that happens at the first batch"
        return "\n".join([f"engine={self.asked!r} uses {self.chosen!r}", *(f"  {reason}" for reason in self.reasons)])

    def state_dict(self) -> dict[str, Any]:
        """What was chosen, so that a resumed run computes with the same engine."""
        chosen = None if self.chosen is None else [self.chosen.name, getattr(self.chosen, "step", None)]
        return {"asked": self.asked, "chosen": chosen, "reasons": list(self.reasons), "shares": self._shares}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up an earlier choice, if it was made for the same request."""
        if state["asked"] == self.asked and state["chosen"] is not None:
            name, step = state["chosen"]
            same = [e for e in CANDIDATES[name] if getattr(e, "step", None) == step]
            self.chosen, self._shares = same[0], state["shares"]
            self.reasons = [*state["reasons"], "taken over from a checkpoint"]

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Engines are told apart by identity: those of a copy are the candidates themselves."""
        vars(self).update(state)
        self.chosen = _candidate(self.chosen)
        self._given_up = [_candidate(engine) or engine for engine in self._given_up]

    def _by(self, task: Task, direction: Params, use: Callable[[Engine], _Found]) -> _Found:
        """What `use` makes of the engine. A model can change (from eval to train mode, say), and what was exact can become
        a refusal at a later batch; then "auto" goes on to the next engine.
        """
        while True:
            engine = self.chosen or self._choose(task, direction)
            try:
                return use(engine)
            except EngineRefused as refused:
                if self.asked != "auto" or engine is self._candidates()[-1]:
                    raise
                self.reasons.append(f"{engine!r} no longer: {refused}")
                self._given_up.append(engine)
                self.chosen = self._shares = None

    def _still_works(self, engine: Engine, task: Task, direction: Params) -> None:
        """A refusal in the middle of a shared pass comes too late: buffers have moved on. So where parts of the model went
        from train to eval mode, were frozen or thawed, the engine is asked in a pass that leaves all as found.
        """
        trained = tuple(p.requires_grad for p in task.module.parameters())
        manner = trained, tuple(part.training for part in task.module.modules())
        if manner != self._manner:
            engine.alignments(task, direction)
            self._manner = manner

    def _candidates(self) -> list[Engine]:
        named = [e for name, group in CANDIDATES.items() if self.asked in ("auto", name) for e in group]
        return [engine for engine in named if all(engine is not other for other in self._given_up)]

    def _choose(self, task: Task, direction: Params) -> Engine:
        candidates = self._candidates()
        reasons = list(self.reasons)
        for engine in candidates:
            try:
                reasons.append(check(engine, task, direction))
            except Undecided:
                return engine  # for this batch; the choice is made at a later one
            except EngineRefused as refused:
                reasons.append(f"{engine!r}: {refused}")
                if len(candidates) == 1:
                    raise
                continue
            self.chosen, self.reasons = engine, reasons
            return engine
        raise EngineRefused(f"no engine works for {type(task.module).__name__}: {'; '.join(reasons)}")


def _candidate(engine: Engine | None) -> Engine | None:
    """The candidate with the same name and settings, or the engine itself."""
    named = CANDIDATES.get(engine.name, ()) if engine is not None else ()
    return next((known for known in named if vars(known) == vars(engine)), engine)


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


_remembered: weakref.WeakKeyDictionary[nn.Module, dict[object, Checked]] = weakref.WeakKeyDictionary()
_MOST_REMEMBERED = 16


def engine_for(task: Task, engine: str | Engine) -> Engine:
    """The engine object for what a user passed.

    What a name stands for is decided once and remembered with the module, for as long as the loss, the layers, the mode
    (train or eval) and autocast stay what they were.
    """
    if isinstance(engine, Engine):
        return engine
    of_module = _remembered.setdefault(task.module, {})
    autocast = tuple(torch.is_autocast_enabled(kind) for kind in ("cpu", "cuda"))
    key = (engine, task.module.training, autocast, str(task.layers), id(task.loss))
    if key not in of_module:
        while len(of_module) >= _MOST_REMEMBERED:
            of_module.pop(next(iter(of_module)))
        of_module[key] = Checked(engine)
    return of_module[key]


def choices_for(module: nn.Module) -> list[Checked]:
    """The choices remembered with a module, the latest last."""
    return list(_remembered.get(module, {}).values())
