"""The rules that are tried, and the one that is taken where they cannot be told apart."""

from typing import NamedTuple

from reweigh.rules import L2RW, Uniform
from reweigh.rules.baselines import CheckedOnly
from reweigh.rules.rightness import RightAndHelpful, RightnessRule
from reweigh.tasks import Task


class Candidates(NamedTuple):
    """Names of rules; `safe` is one of them."""

    names: tuple[str, ...]
    safe: str


def of_classes(task: Task) -> bool:
    """Whether each class has an output of its own: what a verifier reads."""
    return task.has_classes and task.outputs == len(task.classes) > 1


def candidates(task: Task, *, checked_kept: bool = True) -> Candidates:
    """For a task; those alone that see checked examples in training need some `checked_kept` among those to train on.

    The safe one is the verifier: on clean or rare data it was never below plain training by more than 0.3 points. Where
    there are no classes nobody knows yet whether a target is right, and plain training is.
    """
    alone = (CheckedOnly.name,) if checked_kept else ()
    if of_classes(task):
        names = (RightnessRule.name, RightAndHelpful.name, L2RW.name, Uniform.name, *alone)
        return Candidates(names, RightnessRule.name)
    return Candidates((Uniform.name, L2RW.name, *alone), Uniform.name)
