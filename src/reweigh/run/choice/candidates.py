"""The rules that are tried, and the one that is taken where they cannot be told apart."""

from typing import NamedTuple

from reweigh.rules import L2RW, Uniform
from reweigh.rules.baselines import CheckedOnly
from reweigh.rules.judged import Judged, JudgedAndHelpful
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

    The safe one weighs by labels judged beforehand: where right ones cannot be told from wrong ones it is plain training.
    Where nobody judges such targets plain training itself is.
    """
    alone = (CheckedOnly.name,) if checked_kept else ()
    judged = () if task.judging is None else (Judged.name, JudgedAndHelpful.name)
    return Candidates((*judged, L2RW.name, Uniform.name, *alone), (*judged, Uniform.name)[0])
