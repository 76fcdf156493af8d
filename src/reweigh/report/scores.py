"""The run beside the others: the score of the model that came out, and in which settings they differ."""

from collections.abc import Sequence
from dataclasses import dataclass

from reweigh.audit import FinishedRun
from reweigh.data.own import Sources
from reweigh.errors import BadInput
from reweigh.named_code import is_object
from reweigh.rules import registry
from reweigh.run.folder.own_files import PLACES
from reweigh.run.folder.stored import differences
from reweigh.settings.known import KnownData
from reweigh.tasks import MEASURES, score_text
from reweigh.verdict import Verdict
from reweigh.verdict.verdict import gap_text


@dataclass(frozen=True)
class Score:
    """A run's row: its score in words and as a share for a bar; `gain` is against this run, empty for itself."""

    name: str
    rule: str
    score: str
    share: float
    auroc: float | None
    seconds: float | None
    gain: str
    differs: tuple[str, ...]


def scores(run: FinishedRun, others: Sequence[FinishedRun]) -> list[Score]:
    """The run first, then the others from best to worst."""
    theirs = sorted(others, key=lambda other: -other.score)
    return [_score(one, run) for one in (run, *theirs)]


@dataclass(frozen=True)
class Other:
    """Another way to a model, as a row; `gain` is how much better this run is, with its margin."""

    words: str
    score: str
    share: float
    gain: str


@dataclass(frozen=True)
class Compared:
    """The run's verdict, in words."""

    sentence: str
    measure: str
    examples: str
    score: str
    share: float
    rivals: list[Other]


def compared(verdict: Verdict) -> Compared:
    """A verdict as a table: the best of the others first."""
    measure = MEASURES[verdict.measure]
    rivals = [
        Other(
            rival.words,
            score_text(verdict.measure, rival.score, 1),
            _share(rival.score),
            gap_text(rival.difference, measure, signed=True),
        )
        for rival in verdict.rivals
    ]
    score = score_text(verdict.measure, verdict.score, 1)
    return Compared(verdict.sentence, measure.words, verdict.examples, score, _share(verdict.score), rivals)


def _share(score: float) -> float:
    return min(max(score, 0.0), 1.0)


def check_comparable(run: FinishedRun, others: Sequence[FinishedRun]) -> None:
    """The others were tested on the same data.

    Raises:
        BadInput: naming a run of other data, or the run itself.
    """
    for other in others:
        if other.path.resolve() == run.path.resolve():
            raise BadInput(f"{other.path} is the run itself: name other runs with --against")
        one, two = other.config.data, run.config.data
        if _dataset(one) != _dataset(two) or _digests(other) != _digests(run):
            raise BadInput(
                f"{other.path} was trained on {one.name}, {run.path} on {two.name}, which are not the same: "
                "compare runs on the same data"
            )
        if isinstance(two, Sources) and two.test is None and _held_back(other) != _held_back(run):
            raise BadInput(
                f"{other.path} and {run.path} held other examples back for testing, since they have other seeds or shares: "
                "train both with one --seed, or give both --test"
            )


def _digests(run: FinishedRun) -> list[object]:
    found = (run.data.get(name) for name in PLACES)
    return [one.get("digest") if isinstance(one, dict) else None for one in found]


def _dataset(data: Sources | KnownData) -> str | None:
    return None if isinstance(data, Sources) else data.dataset


def _held_back(run: FinishedRun) -> tuple[object, ...]:
    said = run.config.flat()
    return tuple(said[name] for name in ("seed", "test_share", "target", "clean_column", "clean_target"))


def rule_name(rule: str | None) -> str:
    """A rule as people call it; of an object its class."""
    if is_object(rule):
        return rule.rpartition(".")[2]
    entry = registry.inside(rule)
    return (rule or "") if entry is None else entry.title


def gain_text(name: str, gain: float) -> str:
    """A difference of scores: points of a share, or plain."""
    return f"{100 * gain:+.2f}" if MEASURES[name].share else f"{gain:+.3f}"


def _score(one: FinishedRun, run: FinishedRun) -> Score:
    said = one.config.flat()
    auroc, seconds = (one.summary.get(name) for name in ("auroc", "seconds"))
    return Score(
        one.path.name or str(one.path),
        rule_name(one.config.weights.rule),
        score_text(one.score_name, one.score),
        _share(one.score),
        auroc if isinstance(auroc, int | float) else None,
        seconds if isinstance(seconds, int | float) else None,
        "–" if one is run else gain_text(run.score_name, one.score - run.score),
        tuple(
            f"{name.replace('_', ' ')}: {said[name]}"
            for name in differences(one.config, run.config)
            if name not in ("rule", *PLACES)
        ),
    )
