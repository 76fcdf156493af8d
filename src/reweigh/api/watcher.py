"""Who looks on while `reweigh.fit` trains: it prints plain lines, or nothing, and keeps what was said of the data."""

from collections.abc import Mapping
from typing import Any

from reweigh.api.words import in_python
from reweigh.printable import printable
from reweigh.run.job.job import Job


class Printing:
    """The `Watcher` of a program: `notes` are the sentences that were said."""

    def __init__(self, verbose: bool) -> None:
        self.verbose, self.notes = verbose, list[str]()
        self._places: Mapping[str, str] = {}
        self._epochs, self._score = 0, ""

    def begin(self, places: Mapping[str, str], notes: list[str]) -> None:
        """The data are there; `places` are what their files are called."""
        self._places = places
        for sentence in notes:
            self.note(sentence)

    def note(self, sentence: str) -> None:
        """A sentence about data or settings."""
        said = printable(in_python(sentence, self._places))
        self.notes.append(said)
        if self.verbose:
            print(said)

    def started(self, job: Job) -> None:
        """What is about to be trained."""
        self._epochs, self._score = job.epochs, job.task.score
        if self.verbose:
            data = job.data
            print(f"{len(data.train)} to train on, {len(data.clean)} clean, {len(data.test)} to test")
            print(f"{job.config.student.model}, {job.config.weights.rule}, {job.steps} steps, epochs: {job.epochs}")

    def step(self, done: int) -> None:
        """Nothing is said of a step."""

    def epoch(self, line: Mapping[str, Any]) -> None:
        """An epoch's losses and score."""
        if self.verbose:
            values = {"loss": line["train_loss"], "clean loss": line["clean_loss"], self._score: line[self._score]}
            told = ", ".join(
                f"{name.replace('_', ' ')} {value:.4f}" for name, value in values.items() if value is not None
            )
            print(f"epoch {line['epoch']}/{self._epochs}: {told}")
