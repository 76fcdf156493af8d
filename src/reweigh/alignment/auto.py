"""Which engine: the one given, or one tried at the first batch, checked again and again, and explained."""

import functools
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

from torch import Tensor

from reweigh._types import Params
from reweigh.alignment import by_capture
from reweigh.alignment.advice import advised, going_on, refuse, remedy
from reweigh.alignment.arithmetic import full_precision
from reweigh.alignment.before_a_pass import BeforeAPass
from reweigh.alignment.blame import Disagrees
from reweigh.alignment.candidates import CANDIDATES, SAFEST
from reweigh.alignment.check import check, hold
from reweigh.alignment.engine import Engine, Weigh, Weighted
from reweigh.alignment.manner import kind_of_shapes
from reweigh.alignment.reach import reached
from reweigh.alignment.refusal import NOT_SPREAD
from reweigh.alignment.selection import Selection
from reweigh.alignment.skip_zeros import SkipZeros
from reweigh.alignment.truth import TooLarge, Truth, Undecided, truth_if_told, truth_of
from reweigh.alignment.vouched import Choice, Manners, Vouched
from reweigh.errors import BadInput, EngineRefused, Overflow
from reweigh.student import EngineTask

_Out = TypeVar("_Out")
_Held = Callable[[Tensor], None]
_Use = Callable[[Engine, _Held, bool], _Out]
"""From an engine, what is to be told of its alignments, and whether this pass is being checked, to what is wanted of it."""


class _Disproved(Exception):
    """The engine in use is wrong for the batch in hand, and may have been for earlier ones."""

    def __init__(self, refused: EngineRefused) -> None:
        super().__init__(str(refused))
        self.refused = refused


class AutoEngine:
    """Has an engine: for a name the first candidate that works and passes the check, in each manner of calling the model
    and for each kind of shapes anew; an engine that is given is asked as it is. What an engine finds that it cannot do
    becomes a sentence here, with another that can.

    Args:
        asked: "auto", the name of an engine, or an engine.
        selection: skip zero weights where that changes nothing.

    Raises:
        BadInput: if there is no engine of that name.
    """

    def __init__(self, asked: str | Engine, selection: Selection | None = None) -> None:
        if isinstance(asked, str) and asked != "auto" and asked not in CANDIDATES:
            raise BadInput(f"there is no engine {asked!r}: choose 'auto', {', '.join(map(repr, CANDIDATES))}")
        self.asked, self.selection = asked, selection
        self._manners, self._now = Manners(), Choice()
        self._resumed: dict[str, Any] | None = None

    @property
    def chosen(self) -> Engine | None:
        """The engine of the last batch; None before the first check that could tell."""
        return self.asked if isinstance(self.asked, Engine) else self._now.engine

    def alignments(self, task: EngineTask, direction: Params) -> Tensor:
        """As `Engine.alignments`, by the engine that is vouched for; checks it first where it is not.

        Raises:
            EngineRefused: if the engine asked for cannot be right; the sentence names the layer and an engine that works.
        """
        return self._aligned(task, direction, lambda engine, at, v: (engine.alignments(at, v),))[0]

    def alignments_and_losses(self, task: EngineTask, direction: Params) -> tuple[Tensor, Tensor]:
        """The same, and the losses from the same passes where these show them; both (B,)."""
        found, losses = self._aligned(task, direction, lambda engine, at, v: engine.alignments_and_losses(at, v))
        return found, task.student.unscaled(losses)

    def _aligned(self, task: EngineTask, direction: Params, ask: by_capture.Ask) -> tuple[Tensor, ...]:
        direction, in_units, _ = reached(direction, task.student)

        def use(engine: Engine, held: _Held, checks: bool) -> tuple[Tensor, ...]:
            found = ask(engine, task, direction) if checks else by_capture.asked(engine, task, direction, ask)
            held(found[0])
            return found

        found, *others = self._by(task, direction, False, use)
        return in_units(found), *others

    def backward(self, task: EngineTask, direction: Params, weigh: Weigh, *, share: bool = True) -> Weighted:
        """As `Engine.backward`; checks too whether the engine's shared pass is right."""
        share = share and task.shareable
        direction, in_units, unscaled = reached(direction, task.student)

        def use(engine: Engine, held: _Held, checks: bool) -> Weighted:
            def weigh_what_holds(alignments: Tensor, losses: Tensor) -> Tensor:
                held(alignments)
                return weigh(in_units(alignments), unscaled(losses))

            sharing = share and (engine is self.asked or bool(self._now.shares))
            if self.selection is not None:
                return SkipZeros(engine, self.selection).backward(task, direction, weigh_what_holds, share=sharing)
            by = engine.backward if checks else functools.partial(by_capture.backward, engine)
            return by(task, direction, weigh_what_holds, share=sharing)

        losses, weights = self._by(task, direction, share, use)
        return Weighted(unscaled(losses), weights)

    def explain(self) -> str:
        """Which engine is used and why, a line a candidate."""
        if isinstance(self.asked, Engine):
            return f"{self.asked!r}, as given"
        if self.chosen is None:
            return f"engine={self.asked!r}: not chosen yet, that happens at the first batch"
        silent = sorted(self._now.silent)
        told = [f"no signal has reached {', '.join(silent[:3])}{' …' if silent[3:] else ''} yet"] if silent else []
        lines = [*self._now.reasons, *told]
        return "\n".join([f"engine={self.asked!r} uses {self.chosen!r}", *(f"  {line}" for line in lines)])

    def state_dict(self) -> dict[str, Any] | None:
        """What was chosen, so that a resumed run computes with the same engine; None where one was given."""
        if isinstance(self.asked, Engine):
            return None
        now, engine = self._now, self.chosen
        chosen = None if engine is None else [engine.name, getattr(engine, "step", None)]
        told = {"told": list(now.told), "identity": now.identity, "sharing": now.sharing, "shares": now.shares}
        return {"asked": self.asked, "chosen": chosen, **told}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up an earlier choice, if it was made for the same request; it is checked at the next batch."""
        self._manners, self._now = Manners(), Choice()
        if state["asked"] == self.asked and state["chosen"] is not None:
            self._resumed, self._now = state, Choice.as_saved(state)

    def __getstate__(self) -> dict[str, Any]:
        """A copy takes up the choice, and checks it at its next batch: what was vouched for here is another object."""
        return {"asked": self.asked, "selection": self.selection, "state": self.state_dict()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["asked"], state["selection"])  # type: ignore[misc]
        if state["state"] is not None:
            self.load_state_dict(state["state"])

    def _by(self, task: EngineTask, direction: Params, share: bool, use: _Use[_Out]) -> _Out:
        """What `use` makes of the engine that is right for this task. What was right can become wrong or unable at a later
        batch; then "auto" goes on to the next engine.
        """
        if isinstance(self.asked, Engine):
            try:
                return use(self.asked, lambda alignments: None, False)
            except EngineRefused as refused:
                refuse(refused, task)
        vouched = self._manners.of(task)
        # Ranks whose batches differ in shape have to make the same checks.
        shapes = None if task.sharded else kind_of_shapes(task.batch)
        if shapes not in vouched.choices:
            vouched.choices[shapes] = self._begun(task) if self._resumed is None else Choice.as_saved(self._resumed)
            self._resumed = None
        choice = self._now = vouched.choices[shapes]
        task.places.update(choice.places)
        while True:
            due = vouched.due(choice, direction, share=share)
            engine = self._engine(vouched, choice, task, direction, share, due)
            undo = BeforeAPass(task, buffers=due == "brief" or engine.assembles)
            truth = truth_if_told(task, vouched.weighed) if due == "brief" else None
            try:
                held = functools.partial(self._hold, vouched, choice, engine, task, direction, truth)
                found = use(engine, held, due != "")
            except (_Disproved, EngineRefused) as wrong:
                undo.back()
                fact = wrong.refused if isinstance(wrong, _Disproved) else wrong
                if self.asked != "auto" or not self._candidates(choice, after=engine):
                    refuse(fact, task)
                self._regret(vouched, engine, wrong)
                choice.give_up(engine, f"{engine!r} no longer: {going_on(fact)}")
                continue
            vouched.weighed += 1
            choice.places.update(task.places)
            return found

    def _begun(self, task: EngineTask) -> Choice:
        """A choice among all; where parameters are spread over ranks, all that can work there."""
        choice = Choice()
        if task.sharded and self.asked == "auto":
            for engine in [engine for engine in self._candidates(choice) if not engine.spread]:
                choice.give_up(engine, f"{engine!r}: not under fully_shard, since {NOT_SPREAD}")
        return choice

    def _engine(
        self, vouched: Vouched, choice: Choice, task: EngineTask, direction: Params, share: bool, due: str
    ) -> Engine:
        """The engine in use, after a thorough check where one is due; the first candidate that passes it."""
        if choice.engine is not None and due != "thorough":
            return choice.engine
        candidates = self._candidates(choice)
        truth: Truth | None = None
        for engine in candidates:
            try:
                with full_precision():
                    truth = truth or truth_of(task, vouched.weighed)
                    finding = check(
                        engine, task, direction, share=share, draw=vouched.weighed, move=choice.new, truth=truth
                    )
            except Undecided as unknown:
                if isinstance(unknown, TooLarge) and choice.engine is None:
                    raise Overflow("gradients overflow in half precision: scale the losses less") from unknown
                # For this batch; the choice is made at a later one.
                return choice.engine or min(self._candidates(choice), key=lambda engine: SAFEST.index(engine.name))
            except EngineRefused as refused:
                if len(candidates) == 1:
                    refuse(refused, task)
                if engine is choice.engine:
                    self._regret(vouched, engine, refused)
                last = engine is candidates[-1]
                choice.give_up(engine, f"{engine!r}: {advised(refused, task) if last else going_on(refused)}")
                continue
            choice.take(engine, finding)
            choice.kinds |= task.kinds
            vouched.last_check = vouched.weighed + 1
            return engine
        raise EngineRefused(f"no engine works for {type(task.module).__name__}: {'; '.join(choice.reasons)}")

    def _hold(
        self,
        vouched: Vouched,
        choice: Choice,
        engine: Engine,
        task: EngineTask,
        direction: Params,
        truth: Truth | None,
        a: Tensor,
    ) -> None:
        """The step's own alignments, held against an ordinary pass where a brief check is due or the pass is a new one."""
        if choice.engine is not engine or not (truth or vouched.news(choice, task)):
            return
        others = self.asked == "auto" and bool(self._candidates(choice, after=engine))
        try:
            if truth is None:
                check(engine, task, direction, draw=vouched.weighed, move=False)
            elif rough := hold(engine, task, direction, a, truth, vouched.weighed, others=others):
                warnings.warn(f"{rough}; {remedy(engine.name, task)}", stacklevel=2)
        except Undecided:
            return
        except EngineRefused as refused:
            raise _Disproved(refused) from refused
        choice.kinds |= task.kinds
        vouched.last_check = vouched.weighed + 1

    def _regret(self, vouched: Vouched, engine: Engine, wrong: Exception) -> None:
        """What was weighed since the last check may have been wrong: that must be said."""
        unseen = vouched.weighed - vouched.last_check
        if isinstance(wrong, _Disproved | Disagrees) and unseen > 0:
            warnings.warn(
                f"{engine!r} was right for this model when it was last checked and is not any more ({wrong}): the weights "
                f"of the last {unseen} batches may be wrong; another engine goes on from here",
                stacklevel=2,
            )

    def _candidates(self, choice: Choice, after: Engine | None = None) -> list[Engine]:
        named = [e for name, group in CANDIDATES.items() if self.asked in ("auto", name) for e in group]
        return [e for e in named if e is not after and all(e is not other for other in choice.given_up)]
