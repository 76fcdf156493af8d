"""What has been vouched for: the engine of one manner of calling the model, for each kind of shapes, and what was seen.

Checks are made at the weighed batches 1, 2, 4, 8, ... of a manner, and whenever something comes up that was not there when
the engine was checked: a kind of shapes, an operation, or a parameter that no signal had reached. What is new is checked
thoroughly: the engine is asked along a direction of the check's own. Else the step's own alignments are held against one
ordinary pass, which costs half a step.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

from reweigh import sharded
from reweigh._types import Params
from reweigh.alignment.candidates import EVERY
from reweigh.alignment.check import Finding
from reweigh.alignment.engine import Engine
from reweigh.alignment.manner import Manner
from reweigh.first_look import first_look
from reweigh.student import EngineTask

_MOST_MANNERS = 16


@dataclass
class Choice:
    """The engine for one kind of shapes in one manner.

    Attributes:
        engine: the one in use; None before the first check that could tell.
        told: of the candidates before it, a sentence each.
        identity, sharing: what its last check found.
        resumed: taken over from a checkpoint, and not checked since.
        shares: whether its shared pass may serve training; None where that was not asked.
        given_up: those found wrong or unable here.
        silent: parameters of which nothing has been proven.
        kinds: the operations that the check saw.
        places: where examples lie.
    """

    engine: Engine | None = None
    told: list[str] = field(default_factory=list)
    identity: str = ""
    sharing: str = ""
    shares: bool | None = None
    resumed: bool = False
    given_up: list[Engine] = field(default_factory=list)
    silent: frozenset[str] = frozenset()
    _woken: frozenset[str] = frozenset()
    kinds: set[Hashable] = field(default_factory=set)
    places: dict[Hashable, Any] = field(default_factory=dict)

    @classmethod
    def as_saved(cls, state: dict[str, Any]) -> "Choice":
        """The choice of a checkpoint, which is asked first and has to pass a check like any other."""
        name, step = state["chosen"]
        known = [engine for engine in EVERY if engine.name == name and getattr(engine, "step", None) == step]
        before = EVERY[: EVERY.index(known[0])] if known else []
        found = {name: state[name] for name in ("identity", "sharing", "shares")}
        return cls(engine=known[0] if known else None, told=list(state["told"]), given_up=before, resumed=True, **found)

    @property
    def reasons(self) -> list[str]:
        """Why this engine, a sentence a candidate."""
        last = "taken over from a checkpoint" if self.resumed else ""
        return [*self.told, *(sentence for sentence in (self.identity, self.sharing, last) if sentence)]

    def take(self, engine: Engine, finding: Finding) -> None:
        """The engine has passed a check."""
        self.engine, self.silent, self.identity = engine, finding.silent - self._woken, finding.told
        self.resumed = False
        if finding.shares is not None:
            self.shares, self.sharing = finding.shares, finding.shared_told

    def give_up(self, engine: Engine, why: str) -> None:
        """The engine is wrong or unable here."""
        self.told.append(why)
        self.given_up.append(engine)
        self.engine, self.shares, self.identity, self.sharing, self.resumed = None, None, "", "", False

    @property
    def new(self) -> bool:
        """Whether nothing has been proven here yet."""
        return self.resumed or not self.identity

    def wakes(self, direction: Params) -> bool:
        """Whether the clean direction now has a part along a parameter of which nothing was proven; asked once for each."""
        asleep = sorted(self.silent & direction.keys())
        woken = frozenset(name for name in asleep if sharded.anything(direction[name]))
        self._woken |= woken
        return bool(woken)


@dataclass
class Vouched:
    """One manner: how many batches were weighed in it, and the choice for each kind of shapes."""

    weighed: int = 0
    last_check: int = 0
    choices: dict[Hashable, Choice] = field(default_factory=dict)

    def due(self, choice: Choice, direction: Params, *, share: bool) -> str:
        """ "thorough", "brief" or "": which check the coming batch needs."""
        coming = self.weighed + 1
        power = coming & (coming - 1) == 0
        new = choice.engine is None or choice.resumed or (share and choice.shares is None)
        if new or choice.wakes(direction):
            return "thorough"
        return "brief" if power else ""

    @staticmethod
    def news(choice: Choice, task: EngineTask) -> bool:
        """Whether the pass came by operations that were not vouched for."""
        return not task.kinds <= choice.kinds


class Manners:
    """What was vouched for in the manners of the last tasks, the latest first."""

    def __init__(self) -> None:
        self._known: list[tuple[Manner, Vouched]] = []

    def of(self, task: EngineTask) -> Vouched:
        """What was vouched for in this manner; looks at the model and its loss where both are new."""
        facts = Manner.facts_of(task)
        for place, (manner, vouched) in enumerate(self._known):
            if manner.fits(task.per_example_loss, facts):
                if place:
                    self._known.insert(0, self._known.pop(place))
                return vouched
        first_look(task.student, task.batch)  # where it has not been
        vouched = Vouched()
        self._known = [(Manner(task), vouched), *self._known][:_MOST_MANNERS]
        return vouched

    def __len__(self) -> int:
        return len(self._known)
