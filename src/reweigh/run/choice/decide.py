"""What held-back examples say of the ways that were tried, and the choice that follows.

The checked ones are right, and few. The given labels are many and partly wrong; weighted by how likely each is right they
measure the same, but for an error of that weighting which more of them do not lessen (rightness in the place of the
predictions of Angelopoulos et al., 2023). How large it is, is seen from what labels could move that are as likely wrong as
right, and are said by one of two ways alone (`scoring.doubt`); and from how far both kinds of examples disagree beyond their
noise (DerSimonian and Laird, 1986). That variance is added to theirs, and then each counts by its precision.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from reweigh.run.choice.candidates import Way
from reweigh.run.choice.scoring import Floats, least_deviation
from reweigh.tasks import MEASURES, score_text
from reweigh.words import counted

SURE, SURE_BY_FEW, SURE_IF_FINE = 0.5, 1.0, 2.0
"""Another way than the safe one is taken if it is better by so many standard errors; by more if checked ones alone tell, and
by yet more where labels look fine: no rule can gain much there, and of many ways one looks better by chance."""
DISAGREE = 3.0
"""Both kinds of examples disagree if they are so many standard errors apart. Ways are models of the same rows, so that all
are apart where one is, by chance: with two, twenty lucky checked examples now and then silenced a thousand given labels."""
LOST = 2.5
"""One is not tried again if another was better by about so many."""


@dataclass(frozen=True)
class Tried:
    """One way.

    Attributes:
        checked: its score on held-back checked examples, `given` on held-back given labels; NaN where there are none.
        gain: how much better it is than the safe way by both, `error` the standard error of that; 0 of the safe way itself.
    """

    checked: float
    given: float
    gain: float = 0.0
    error: float = 0.0


@dataclass(frozen=True)
class Choice:
    """What was chosen, and by what.

    Attributes:
        way: the rule, and how long.
        why: in a sentence.
        tried: what came of each way, by its name in words; empty where nothing could be tried.
        steps: how many were made with all of them.
        usual: how many steps the run would have made, where it makes fewer.
        brief: why, without the scores of all; empty where nothing could be tried.
    """

    way: Way
    why: str
    tried: Mapping[str, Tried]
    steps: int = 0
    usual: int | None = None
    brief: str = ""

    @property
    def rule(self) -> str:
        """The rule's name."""
        return self.way.rule

    def as_json(self) -> dict[str, Any]:
        """As it stands in a run's files."""
        tried = {way: vars(one) for way, one in self.tried.items()}
        return {"rule": self.rule, "why": self.why, "steps": self.steps, "usual": self.usual, "tried": tried}


class ByGiven(NamedTuple):
    """Of ways by given labels: scores (1 + R, ways), and how far off the gap of each to the safe one may be, (ways,)."""

    scores: Floats
    doubt: Floats


def compared(ways: Sequence[Way], safe: Way, checked: Floats, given: ByGiven | None, count: int) -> dict[Way, Tried]:
    """Each way beside the safe one.

    Args:
        ways: all of them, the safe one too.
        safe: one of them.
        checked: scores on checked examples and on resamples of these, (1 + R, ways).
        given: by given labels; None where there are none.
        count: of checked examples.
    """
    base = list(ways).index(safe)
    gap = [scores - scores[:, [base]] for scores in (checked, *([given.scores] if given else []))]
    value = np.stack([part[0] for part in gap])
    variance = np.stack([part[1:].var(0, ddof=1) for part in gap])
    variance[0] = np.maximum(variance[0], least_deviation(count) ** 2)
    others = [k for k in range(len(ways)) if k != base]
    if given is not None and others:
        variance[1] += given.doubt**2
        apart, noise = (value[0] - value[1])[others] ** 2, variance.sum(0)[others]
        if float((apart / noise).mean()) > DISAGREE**2:
            variance[1] += float((apart - noise).mean())
    precision = 1 / np.maximum(variance, 1e-12)
    gains, errors = (value * precision).sum(0) / precision.sum(0), 1 / np.sqrt(precision.sum(0))
    found = {}
    for k, way in enumerate(ways):
        scores = (float(checked[0, k]), math.nan if given is None else float(given.scores[0, k]))
        found[way] = Tried(*scores, *((0.0, 0.0) if k == base else (float(gains[k]), float(errors[k]))))
    return found


def best_of(tried: Mapping[Way, Tried], safe: Way, *, fine: bool = False) -> Way:
    """The best of the ways, if it is better than the safe one as surely as it has to be; else the safe one.

    Args:
        tried: each way.
        safe: one of them.
        fine: whether no label is wrong for sure, or hardly one.
    """
    best = max(tried, key=lambda way: tried[way].gain)
    sure = SURE_IF_FINE if fine else SURE_BY_FEW if math.isnan(tried[best].given) else SURE
    return best if tried[best].gain > sure * tried[best].error else safe


def hopeless(tried: Mapping[Way, Tried], safe: Way) -> dict[Way, Tried]:
    """Those that are worse than another for sure, and need not be tried again; never the safe one."""
    best = max(one.gain - LOST * one.error for one in tried.values())
    return {way: one for way, one in tried.items() if way != safe and one.gain + LOST * one.error < best}


def told(
    tried: Mapping[Way, Tried], left: Mapping[Way, Tried], taken: Way, safe: Way, measure: str, checked: int
) -> tuple[str, str]:
    """Why it was chosen, and the scores of all; `left` were worse before and not tried again."""
    unit, gain = 100 if MEASURES[measure].share else 1, tried[taken]
    if taken != safe:
        better = f"{unit * gain.gain:.1f} ± {unit * gain.error:.1f} better than {safe}"
    else:
        better = f"nothing is better than {safe} for sure" if len(tried) + len(left) > 1 else "nothing else can be done"
    every = sorted({**tried, **left}.items(), key=lambda item: item[0] != taken)
    scores = "; ".join(f"{way} {_both(one, measure)}" for way, one in every)
    by = f"on {counted(checked, 'held-back checked example')}"
    by += "" if math.isnan(gain.given) else " and on others weighted by rightness"
    return better, f"{MEASURES[measure].words} {by}: {scores}"


def _both(one: Tried, measure: str) -> str:
    found = score_text(measure, one.checked, 1)
    return found if math.isnan(one.given) else f"{found} and {score_text(measure, one.given, 1)}"
