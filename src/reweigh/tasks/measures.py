"""Scores: what they are called, and how people read them. Of a task's scores the first is *the score*; higher is better."""

from collections.abc import Iterable
from typing import NamedTuple

from reweigh.errors import BadInput


class Measure(NamedTuple):
    """A score.

    Attributes:
        name: as it stands in a run's metrics, such as "test_accuracy".
        words: as people call it.
        share: whether it is a share of something, and so shown in percent.
        doubtful: below this value of the score a model is often wrong itself.
    """

    name: str
    words: str
    share: bool = True
    doubtful: float = 0.75


MEASURES: dict[str, Measure] = {}
"""Every score of the tasks that are known, by its name."""


def add_measures(measures: Iterable[Measure]) -> None:
    """Make scores known; several tasks may share one.

    Raises:
        BadInput: if the name means another score already.
    """
    for measure in measures:
        if MEASURES.setdefault(measure.name, measure) != measure:
            raise BadInput(f"the score {measure.name!r} is another task's already: give the measure another name")


def score_text(name: str, value: float | None, digits: int = 2) -> str:
    """A score as people read it: shares in percent, others as numbers; a dash where it is not known."""
    if value is None or value != value:
        return "–"
    return f"{100 * value:.{digits}f} %" if MEASURES[name].share else f"{value:.{digits + 1}f}"
