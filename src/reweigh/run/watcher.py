"""Who looks on while a run is made: what is done at the moment and how far it is, and what is worth saying."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Plan:
    """What is about to be trained.

    Attributes:
        data: what the data are called.
        given, kept: examples to learn from, as they were given, and checked ones beside them.
        clean, test: checked examples, and those that give the score.
        wrong: of how many labels it is known that they are wrong; None where nobody knows.
        model, rule: their names.
        steps, epochs, done: of the run, and how many steps were made before.
        score: the name of the measure.
    """

    data: str
    given: int
    kept: int
    clean: int
    test: int
    wrong: int | None
    model: str
    rule: str
    steps: int
    epochs: int
    done: int
    score: str

    @property
    def sentence(self) -> str:
        """Where the examples come from, and what for."""
        wrong = "" if self.wrong is None else f" ({self.wrong:,} with a wrong label)"
        if self.kept:
            learnt = f"{self.given + self.kept:,} to train on{wrong}, {self.given:,} as given and {self.kept:,} checked"
        else:
            learnt = f"{self.given:,} to train on{wrong}, {self.clean:,} checked beside them"
        return f"{self.data}: {learnt}; {self.test:,} others to test"


class Watcher(Protocol):
    """The command line's live line, a program that prints, or nobody."""

    def note(self, sentence: str, in_full: str = "") -> None:
        """Something worth saying once; `in_full` is the same at length, where there is more."""

    def phase(self, what: str, part: str = "", steps: int | None = None, turn: tuple[int, int] = (1, 1)) -> None:
        """Something that takes a while begins, or the next `part` of it.

        Args:
            what: is begun.
            part: of it, in words.
            steps: of this part; None where nobody counts them.
            turn: which part of how many such ones at most, from 1.
        """

    def started(self, plan: Plan) -> None:
        """It is about to train: the phase that counts the steps of the run."""

    def step(self, done: int) -> None:
        """So many steps of the phase at hand are done."""

    def epoch(self, line: Mapping[str, Any]) -> None:
        """An epoch of the run is complete; its line of metrics."""


class Silent:
    """The `Watcher` where nobody looks on, as beside a process that is not the main one; others say what they show."""

    def note(self, sentence: str, in_full: str = "") -> None:
        """Said by nobody."""

    def phase(self, what: str, part: str = "", steps: int | None = None, turn: tuple[int, int] = (1, 1)) -> None:
        """Likewise."""

    def started(self, plan: Plan) -> None:
        """Likewise."""

    def step(self, done: int) -> None:
        """Likewise."""

    def epoch(self, line: Mapping[str, Any]) -> None:
        """Likewise."""


SILENT = Silent()
