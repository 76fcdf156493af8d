"""The run beside the others: accuracy at the last epoch, and in which settings they differ."""

from collections.abc import Sequence
from dataclasses import dataclass

from reweigh.audit import FinishedRun
from reweigh.errors import BadInput
from reweigh.training.config import differences

_RULES = {"uniform": "plain training", "random": "random weights", "l2rw": "L2RW"}


@dataclass(frozen=True)
class Score:
    """A run's row: accuracy within [0, 1]; `gain` is in points against this run, None for itself."""

    name: str
    rule: str
    accuracy: float
    auroc: float | None
    seconds: float | None
    gain: float | None
    differs: tuple[str, ...]


def scores(run: FinishedRun, others: Sequence[FinishedRun]) -> list[Score]:
    """The run first, then the others from best to worst."""
    theirs = sorted(others, key=lambda other: -other.summary["test_accuracy"])
    return [_score(one, run) for one in (run, *theirs)]


def check_comparable(run: FinishedRun, others: Sequence[FinishedRun]) -> None:
    """The others were tested on the same data.

    Raises:
        BadInput: naming a run of another data set, or the run itself.
    """
    for other in others:
        if other.path.resolve() == run.path.resolve():
            raise BadInput(f"{other.path} is the run itself: name other runs with --against")
        if other.config.dataset != run.config.dataset:
            raise BadInput(
                f"{other.path} was trained on {other.config.dataset}, {run.path} on {run.config.dataset}: compare runs on "
                "the same data"
            )


def rule_name(rule: str) -> str:
    """A rule as people call it."""
    return _RULES.get(rule, rule)


def _score(one: FinishedRun, run: FinishedRun) -> Score:
    accuracy, auroc, seconds = (one.summary.get(name) for name in ("test_accuracy", "auroc", "seconds"))
    assert isinstance(accuracy, int | float)  # `open_run` has seen to it
    return Score(
        one.path.name or str(one.path),
        rule_name(one.config.rule),
        accuracy,
        auroc if isinstance(auroc, int | float) else None,
        seconds if isinstance(seconds, int | float) else None,
        None if one is run else 100 * (accuracy - run.summary["test_accuracy"]),
        tuple(
            f"{name.replace('_', ' ')}: {getattr(one.config, name)}"
            for name in differences(one.config, run.config)
            if name != "rule"
        ),
    )
