"""A verdict: who was compared, and the one sentence that it comes to."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from reweigh.tasks import MEASURES
from reweigh.verdict.interval import Difference
from reweigh.words import counted

MOST_NEEDED = 20
"""Times as many examples as there are that are still worth naming: beyond it the two do equally well."""


@dataclass(frozen=True)
class Rival:
    """Another way to a model, with the same budget.

    Attributes:
        words: what people call it.
        score: on the test examples.
        difference: the run's score less this one's.
    """

    words: str
    score: float
    difference: Difference


@dataclass(frozen=True)
class Verdict:
    """What the comparison came to.

    Attributes:
        measure: the name of the score.
        score: the run's own.
        rivals: the others, the best first.
        examples: what the examples are called that it rests on: "checked" where they were held back, else "test".
    """

    measure: str
    score: float
    rivals: tuple[Rival, ...]
    examples: str = "test"

    @property
    def best(self) -> Rival:
        """The best of the others."""
        return self.rivals[0]

    @property
    def helps(self) -> bool | None:
        """True where the run is better than every other, False where one is better than it; None: cannot be told."""
        if all(rival.difference.low > 0 for rival in self.rivals):
            return True
        return False if any(rival.difference.high < 0 for rival in self.rivals) else None

    @property
    def sentence(self) -> str:
        """The verdict in one sentence."""
        if self.helps:
            closest = min(self.rivals, key=lambda rival: rival.difference.low)
            return f"helps: {self._told(closest)} over the best other, {closest.words}"
        if self.helps is False:
            better = min(self.rivals, key=lambda rival: rival.difference.high)
            gain = Difference(-better.difference.value, better.difference.margin, better.difference.count)
            return f"does not help: use {better.words}, {self._in_points(gain)} better"
        return self._cannot_tell()

    def _cannot_tell(self) -> str:
        told, gap = self._told(self.best), self.best.difference
        checked = counted(gap.count, f"{self.examples} example")
        if gap.needed is None or gap.needed > MOST_NEEDED * gap.count:
            return f"makes no difference to be seen with {checked}: {told} over {self.best.words}"
        return f"cannot tell with {checked} ({told} over {self.best.words}); about {rounded(gap.needed):,} more would"

    def _told(self, rival: Rival) -> str:
        return self._in_points(rival.difference, signed=True)

    def _in_points(self, gap: Difference, *, signed: bool = False) -> str:
        measure, sign = MEASURES[self.measure], "+" if signed else ""
        if not math.isfinite(gap.margin):
            return f"no score of {measure.words}"
        if measure.share:
            return f"{100 * gap.value:{sign}.1f} ± {100 * gap.margin:.1f} points of {measure.words}"
        return f"{gap.value:{sign}.3f} ± {gap.margin:.3f} of {measure.words}"

    def as_json(self) -> dict[str, Any]:
        """As it stands in a run's folder; the sentence is for people and is made again when read."""
        return {
            "measure": self.measure,
            "score": self.score,
            "examples": self.examples,
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
            rivals.append(Rival(rival["words"], rival["score"], Difference(gap["value"], margin, gap["count"])))
        return cls(content["measure"], content["score"], tuple(rivals), content["examples"])


def rounded(count: int) -> int:
    """A number of examples as one asks for it: two digits, upwards."""
    unit: int = 10 ** max(0, len(str(count)) - 2)
    return math.ceil(count / unit) * unit
