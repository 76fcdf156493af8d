"""Which engine: tried at the first batch, checked again and again, and explained."""

import functools
import warnings
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from torch import Tensor

from reweigh._types import Params
from reweigh.alignment.arithmetic import full_precision
from reweigh.alignment.before_a_pass import BeforeAPass
from reweigh.alignment.candidates import CANDIDATES, as_saved
from reweigh.alignment.check import check, hold
from reweigh.alignment.engine import Engine, Task, Weigh, Weighted
from reweigh.alignment.manner import Manner, kind_of_shapes
from reweigh.alignment.refusal import going_on
from reweigh.alignment.selection import Selection
from reweigh.alignment.truth import Truth, Undecided, truth_of
from reweigh.alignment.vouched import Choice, Vouched
from reweigh.errors import BadInput, EngineRefused
from reweigh.first_look import first_look

_MOST_MANNERS = 16
_SAFEST = ("double", "forward", "finite", "ghost")
"""While a batch proves nothing: the order of how little an engine takes for granted."""

_Found = TypeVar("_Found")


class _Disproved(Exception):
    """The engine in use is wrong for the batch in hand."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Checked(Engine):
    """The first candidate that works and passes the check; for each manner of calling the model and kind of shapes anew."""

    name: ClassVar[str] = "checked"
    exact: ClassVar[bool] = False

    def __init__(self, asked: str) -> None:
        if asked != "auto" and asked not in CANDIDATES:
            raise BadInput(f"there is no engine {asked!r}: choose 'auto', {', '.join(map(repr, CANDIDATES))}")
        self.asked = asked
        self._manners: list[tuple[Manner, Vouched]] = []  # the latest first
        self._now = Choice()
        self._resumed: dict[str, Any] | None = None

    @property
    def chosen(self) -> Engine | None:
        """The engine of the last batch; None before the first check that could tell."""
        return self._now.engine

    def alignments(self, task: Task, direction: Params) -> Tensor:
        """By the engine that is vouched for; checks it first where it is not."""

        def use(engine: Engine, held: Callable[[Tensor], None]) -> Tensor:
            found = engine.alignments(task, direction)
            held(found)
            return found

        return self._by(task, direction, False, use)

    def look(self, task: Task, direction: Params) -> tuple[Tensor, Tensor]:
        """Likewise, with the losses."""

        def use(engine: Engine, held: Callable[[Tensor], None]) -> tuple[Tensor, Tensor]:
            found = engine.look(task, direction)
            held(found[0])
            return found

        return self._by(task, direction, False, use)

    def backward(
        self,
        task: Task,
        direction: Params,
        weigh: Weigh,
        *,
        share: bool = True,
        selection: Selection | None = None,
    ) -> Weighted:
        """Likewise; checks too whether the engine's shared pass is right."""
        share = share and not task.wrapped

        def use(engine: Engine, held: Callable[[Tensor], None]) -> Weighted:
            def weigh_what_holds(alignments: Tensor, losses: Tensor) -> Tensor:
                held(alignments)
                return weigh(alignments, losses)

            sharing = share and bool(self._now.shares)
            return engine.backward(task, direction, weigh_what_holds, share=sharing, selection=selection)

        return self._by(task, direction, share, use)

    def explain(self) -> str:
        """Which engine is used and why, a line a candidate."""
        if self.chosen is None:
            return f"engine={self.asked!r}: not chosen yet, that happens at the first batch"
        silent = sorted(self._now.silent)
        told = [f"no signal has reached {', '.join(silent[:3])}{' …' if silent[3:] else ''} yet"] if silent else []
        lines = [*self._now.reasons, *told]
        return "\n".join([f"engine={self.asked!r} uses {self.chosen!r}", *(f"  {line}" for line in lines)])

    def state_dict(self) -> dict[str, Any]:
        """What was chosen, so that a resumed run computes with the same engine."""
        now, engine = self._now, self.chosen
        chosen = None if engine is None else [engine.name, getattr(engine, "step", None)]
        told = {"told": list(now.told), "identity": now.identity, "sharing": now.sharing, "shares": now.shares}
        return {"asked": self.asked, "chosen": chosen, **told}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up an earlier choice, if it was made for the same request; it is checked at the next batch."""
        self._manners, self._now = [], Choice()
        if state["asked"] == self.asked and state["chosen"] is not None:
            self._resumed, self._now = state, as_saved(self.asked, state)

    def __getstate__(self) -> dict[str, Any]:
        """A copy takes up the choice, and checks it at its next batch: what was vouched for here is another object."""
        return {"asked": self.asked, "state": self.state_dict()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["asked"])  # type: ignore[misc]
        self.load_state_dict(state["state"])

    def _by(
        self, task: Task, direction: Params, share: bool, use: Callable[[Engine, Callable[[Tensor], None]], _Found]
    ) -> _Found:
        """What `use` makes of the engine that is right for this task. What was right can become wrong or unable at a later
        batch; then "auto" goes on to the next engine.
        """
        vouched = self._vouched(task)
        shapes = kind_of_shapes(task.batch)
        if shapes not in vouched.choices:
            vouched.choices[shapes] = Choice() if self._resumed is None else as_saved(self.asked, self._resumed)
            self._resumed = None
        choice = self._now = vouched.choices[shapes]
        task.places.update(choice.places)
        while True:
            due = vouched.due(choice, direction, share=share)
            engine = self._engine(vouched, choice, task, direction, share, due)
            undo = BeforeAPass(task, buffers=due == "brief" or engine.skips)
            truth = self._truth(task, due, vouched.weighed)
            try:
                held = functools.partial(self._held, vouched, choice, engine, task, direction, truth)
                found = use(engine, held)
            except (_Disproved, EngineRefused) as wrong:
                undo.back()
                if self.asked != "auto" or not self._candidates(choice, after=engine):
                    raise EngineRefused(str(wrong)) from wrong.__cause__
                self._regret(vouched, engine, wrong)
                choice.give_up(engine, f"{engine!r} no longer: {wrong}")
                continue
            vouched.weighed += 1
            choice.places.update(task.places)
            return found

    def _engine(self, vouched: Vouched, choice: Choice, task: Task, direction: Params, share: bool, due: str) -> Engine:
        """The engine in use, after a thorough check where one is due; the first candidate that passes it."""
        if choice.engine is not None and due != "thorough":
            return choice.engine
        candidates = self._candidates(choice)
        truth: Truth | None = None
        for engine in candidates:
            try:
                with full_precision(), going_on(engine is not candidates[-1]):
                    truth = truth or truth_of(task, vouched.weighed)
                    finding = check(
                        engine, task, direction, share=share, draw=vouched.weighed, move=choice.new, truth=truth
                    )
            except Undecided:
                return choice.engine or self._safest(choice)  # for this batch; the choice is made at a later one
            except EngineRefused as refused:
                if len(candidates) == 1:
                    raise
                if engine is choice.engine:
                    self._regret(vouched, engine, refused)
                choice.give_up(engine, f"{engine!r}: {refused}")
                continue
            choice.take(engine, finding)
            choice.kinds |= task.kinds
            vouched.last_check = vouched.weighed + 1
            return engine
        raise EngineRefused(f"no engine works for {type(task.module).__name__}: {'; '.join(choice.reasons)}")

    def _held(
        self,
        vouched: Vouched,
        choice: Choice,
        engine: Engine,
        task: Task,
        direction: Params,
        truth: Truth | None,
        a: Tensor,
    ) -> None:
        """The step's own alignments, held against an ordinary pass where a brief check is due; where the pass came by
        something new, the engine is checked.
        """
        if choice.engine is not engine or not (truth or vouched.news(choice, task)):
            return
        others = self.asked == "auto" and bool(self._candidates(choice, after=engine))
        try:
            if truth is not None:
                hold(engine, task, direction, a, truth, vouched.weighed, others=others)
            else:
                with going_on(others and not engine.exact):
                    check(engine, task, direction, draw=vouched.weighed, move=False)
        except Undecided:
            return
        except EngineRefused as refused:
            raise _Disproved(str(refused)) from refused
        choice.kinds |= task.kinds
        vouched.last_check = vouched.weighed + 1

    @staticmethod
    def _truth(task: Task, due: str, draw: int) -> Truth | None:
        """What a brief check will hold the step's alignments against, found before the step's pass moves anything."""
        if due != "brief":
            return None
        try:
            return truth_of(task, draw)
        except Undecided:
            return None

    def _regret(self, vouched: Vouched, engine: Engine, wrong: Exception) -> None:
        """What was weighed since the last check may have been wrong: that must be said."""
        unseen = vouched.weighed - vouched.last_check
        disproved = isinstance(wrong, _Disproved) or "disagrees with the backward pass" in str(wrong)
        if disproved and unseen > 0:
            warnings.warn(
                f"{engine!r} was right for this model when it was last checked and is not any more ({wrong}): the weights "
                f"of the last {unseen} batches may be wrong; another engine goes on from here",
                stacklevel=2,
            )

    def _vouched(self, task: Task) -> Vouched:
        facts = Manner.facts_of(task)
        for place, (manner, vouched) in enumerate(self._manners):
            if manner.fits(task.per_example_loss, facts):
                if place:
                    self._manners.insert(0, self._manners.pop(place))
                return vouched
        first_look(task.module, task.per_example_loss, task.batch, layers=task.layers)  # where it has not been
        vouched = Vouched()
        self._manners = [(Manner(task), vouched), *self._manners][:_MOST_MANNERS]
        return vouched

    def _candidates(self, choice: Choice, after: Engine | None = None) -> list[Engine]:
        named = [e for name, group in CANDIDATES.items() if self.asked in ("auto", name) for e in group]
        return [e for e in named if e is not after and all(e is not other for other in choice.given_up)]

    def _safest(self, choice: Choice) -> Engine:
        left = self._candidates(choice)
        return min(left, key=lambda engine: _SAFEST.index(engine.name))
