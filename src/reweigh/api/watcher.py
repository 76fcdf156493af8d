"""Who looks on while `reweigh.fit` trains: it prints plain lines, or nothing, and keeps what was said of the data."""

from collections.abc import Mapping
from typing import Any

from reweigh.api.words import in_python
from reweigh.printable import printable
from reweigh.run.watcher import Plan, Silent


class Printing(Silent):
    """The `Watcher` of a program: `notes` are the sentences that were said."""

    def __init__(self, verbose: bool) -> None:
        self.verbose, self.notes = verbose, list[str]()
        self._places: Mapping[str, str] = {}
        self._epochs, self._score, self._phase = 0, "", ""

    def begin(self, places: Mapping[str, str], notes: list[str]) -> None:
        """The data are there; `places` are what their files are called."""
        self._places = places
        for sentence in notes:
            self.note(sentence)

    def note(self, sentence: str, in_full: str = "") -> None:
        """A sentence about data or settings, at length."""
        said = printable(in_python(in_full or sentence, self._places))
        self.notes.append(said)
        if self.verbose:
            print(said)

    def phase(self, what: str, part: str = "", steps: int | None = None, turn: tuple[int, int] = (1, 1)) -> None:
        """What takes a while, once."""
        if self.verbose and what != self._phase:
            print(printable(in_python(what, self._places)))
        self._phase = what

    def started(self, plan: Plan) -> None:
        """What is about to be trained."""
        self._epochs, self._score = plan.epochs, plan.score
        if self.verbose:
            print(printable(in_python(plan.sentence, self._places)))
            print(f"{plan.model}, {plan.rule}, {plan.steps} steps, epochs: {plan.epochs}")

    def epoch(self, line: Mapping[str, Any]) -> None:
        """An epoch's losses and score."""
        if self.verbose:
            values = {"loss": line["train_loss"], "clean loss": line["clean_loss"], self._score: line[self._score]}
            told = ", ".join(
                f"{name.replace('_', ' ')} {value:.4f}" for name, value in values.items() if value is not None
            )
            print(f"epoch {line['epoch']}/{self._epochs}: {told}")
