"""The ways that are tried, and the one that is taken where they cannot be told apart: rules, each for several lengths.

A network that has learnt what there is learns wrong labels next, and the odd rows by heart. A run that ends before is
better by more than a rule is on some data (UCI Adult, people's labels of pictures), so its length is chosen like the rule.
"""

from collections.abc import Sequence
from typing import NamedTuple

from reweigh.rules import L2RW, CheckedOnly, Drawn, Uniform
from reweigh.rules.judged import Judged, JudgedAndHelpful
from reweigh.tasks import Task

SHORTER, LEAST_STEPS = (1 / 3, 1 / 8), 50
"""Shares of a trial's steps that are tried as well, if they are so many."""


class Way(NamedTuple):
    """A rule, and how many steps are made with it; None for as many as the run has."""

    rule: str
    steps: int | None = None

    def __str__(self) -> str:
        return self.rule if self.steps is None else f"{self.rule} for {self.steps} steps"


class Candidates(NamedTuple):
    """Names of rules; `safe` is the one of them that is taken untried."""

    names: tuple[str, ...]
    safe: str

    def safe_where(self, some_wrong: bool | None) -> str:
        """What is taken where trials tell nothing: plain training, unless some labels are wrong for sure.

        Weights below one are noise where labels are right, and where nobody can tell right from wrong: rare classes lose
        four points of macro F1 by them.
        """
        return self.safe if some_wrong else Uniform.name

    def ways(self, lengths: Sequence[int] = ()) -> tuple[Way, ...]:
        """Each rule as long as the run, then for each of these lengths."""
        return tuple(Way(name, steps) for steps in (None, *lengths) for name in self.names)


def of_classes(task: Task) -> bool:
    """Whether each class has an output of its own: what a verifier reads."""
    return task.has_classes and task.outputs == len(task.classes) > 1


def candidates(task: Task, *, checked_kept: bool = True) -> Candidates:
    """For a task; those alone that see checked examples in training need some `checked_kept` among those to train on.

    The safe one goes by labels judged beforehand, by which pairs are drawn and other examples weighed; where nobody judges
    such targets it is plain training.
    """
    alone = (CheckedOnly.name,) if checked_kept else ()
    by_rightness = Drawn.name if task.of_pairs else Judged.name
    judged = () if task.judging is None else (by_rightness, JudgedAndHelpful.name)
    return Candidates((*judged, L2RW.name, Uniform.name, *alone), (*judged, Uniform.name)[0])


def shorter(steps: int) -> tuple[int, ...]:
    """Lengths that are tried beside one of so many steps."""
    return tuple(length for share in SHORTER if (length := round(share * steps)) >= LEAST_STEPS)
