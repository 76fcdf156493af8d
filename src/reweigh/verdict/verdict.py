"""A verdict: who was compared, and the one sentence that it comes to."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from reweigh.tasks import MEASURES, Measure
from reweigh.verdict.interval import Difference
from reweigh.words import counted

PLAIN = "plain training on all rows"
MOST_NEEDED = 20
"""Times as many examples as there are that are still worth naming: beyond it the two do equally well."""


@dataclass(frozen=True)
class Rival:
    """Another way to a model, with the same budget.

    Attributes:
        words: what people call it.
        score: on the test examples.
        difference: the run's score less this one's.
        own: whether it rests on what reweigh found of the labels.
    """

    words: str
    score: float
    difference: Difference
    own: bool = False


@dataclass(frozen=True)
class Verdict:
    """What the comparison came to.

    Attributes:
        measure: the name of the score.
        score: the run's own.
        rivals: the others, the best first.
        examples: what the examples are called that it rests on: "checked" where they were held back, else "test".
        labels: where the labels look fine, that in words.
        plain: whether the run itself is plain training.
    """

    measure: str
    score: float
    rivals: tuple[Rival, ...]
    examples: str = "test"
    labels: str | None = None
    plain: bool = False

    @property
    def best(self) -> Rival:
        """The best of the others."""
        return self.rivals[0]

    @property
    def helps(self) -> bool | None:
        """True where the run is better than every other, False where one is better than it; None: cannot be told.

        What rests on the labels that reweigh found right is no other: it may be better, and then it is named.
        """
        if any(rival.difference.high < 0 for rival in self.rivals):
            return False
        others = [rival for rival in self.rivals if not rival.own]
        return True if others and all(rival.difference.low > 0 for rival in others) else None

    @property
    def named(self) -> Rival:
        """The one that the sentence speaks of."""
        if self.helps is False:
            return next(rival for rival in self.rivals if rival.difference.high < 0)
        if self.helps:
            return min((rival for rival in self.rivals if not rival.own), key=lambda rival: rival.difference.low)
        return self.best

    @property
    def shown(self) -> tuple[Rival, ...]:
        """The one that the sentence speaks of, and plain training or the best beside it; the better one first."""
        others = [rival for rival in self.rivals if rival is not self.named]
        second = [rival for rival in others if rival.words == PLAIN] or others
        return tuple(rival for rival in self.rivals if rival is self.named or rival in second[:1])

    @property
    def sentence(self) -> str:
        """The verdict in one sentence."""
        return self._compared() + ("" if self.labels is None else f"; {self.labels}")

    def _compared(self) -> str:
        if self.helps is False:
            return self._better()
        if self.helps:
            helps = "plain training is best here" if self.plain else "helps"
            return f"{helps}: {self._told(self.named)} over the best other, {self.named.words}"
        return self._cannot_tell()

    def _better(self) -> str:
        """What to use instead: the best of those that are better for sure."""
        better = self.named
        gain = self._in_points(Difference(-better.difference.value, better.difference.margin, better.difference.count))
        if better.own:
            weights = "their weights are the column sample_weight of `reweigh audit RUN --output FILE.csv`"
            return f"use {better.words}: {gain} better than this model; {weights}"
        return f"{'plain training is not best' if self.plain else 'does not help'}: use {better.words}, {gain} better"

    def _cannot_tell(self) -> str:
        told, gap = self._told(self.best), self.best.difference
        checked = counted(gap.count, f"{self.examples} example")
        if self.plain:
            return f"plain training is as good as anything here, as far as {checked} can tell: {told} over {self.best.words}"
        if gap.needed is None or gap.needed > MOST_NEEDED * gap.count:
            return f"makes no difference to be seen with {checked}: {told} over {self.best.words}"
        return f"cannot tell with {checked} ({told} over {self.best.words}); about {rounded(gap.needed):,} more would"

    def _told(self, rival: Rival) -> str:
        return self._in_points(rival.difference, signed=True)

    def _in_points(self, gap: Difference, *, signed: bool = False) -> str:
        measure = MEASURES[self.measure]
        if not math.isfinite(gap.margin):
            return f"no score of {measure.words}"
        return f"{gap_text(gap, measure, signed=signed)} {'points ' if measure.share else ''}of {measure.words}"

    def as_json(self) -> dict[str, Any]:
        """As it stands in a run's folder; the sentence is for people and is made again when read."""
        return {
            "measure": self.measure,
            "score": self.score,
            "examples": self.examples,
            "labels": self.labels,
            "plain": self.plain,
            "sentence": self.sentence,
            "rivals": [asdict(rival) for rival in self.rivals],
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Verdict":
        """The verdict that was written; an infinite margin is null there."""
        rivals = []
        for rival in content["rivals"]:
            gap = rival["difference"]
            margin = math.inf if gap["margin"] is None else gap["margin"]
            found = Difference(gap["value"], margin, gap["count"])
            rivals.append(Rival(rival["words"], rival["score"], found, rival["own"]))
        told = (content[name] for name in ("examples", "labels", "plain"))
        return cls(content["measure"], content["score"], tuple(rivals), *told)


def gap_text(gap: Difference, measure: Measure, *, signed: bool = False) -> str:
    """A difference with its margin, shares in points; a dash where nothing can be said."""
    if not math.isfinite(gap.margin):
        return "–"
    times, digits, sign = (100, 1, "+" if signed else "") if measure.share else (1, 3, "+" if signed else "")
    return f"{times * gap.value:{sign}.{digits}f} ± {times * gap.margin:.{digits}f}"


def rounded(count: int) -> int:
    """A number of examples as one asks for it: two digits, upwards."""
    unit: int = 10 ** max(0, len(str(count)) - 2)
    return math.ceil(count / unit) * unit
