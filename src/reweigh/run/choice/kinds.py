"""What becomes of each kind of wrong pairs: checked ones that are held back say which of them help nevertheless.

Right is one thing, helpful another. A copy of its source is no translation, and half a translation is none; yet a student of
few pairs may learn words from it. So where pairs of some kind are told there are two trials: one draws pairs as likely as
they are right, one those of this kind like right ones as well. Checked pairs, which neither has seen, say which is better.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from reweigh.rightness import Rightness
from reweigh.run.bench import Bench
from reweigh.run.watcher import Watcher

LEAST_SHARE = 0.02
"""A kind that is rarer for all that is known is left out untried."""
SURE = 2.0
"""Pairs that are wrong are drawn like right ones if the gain is so many standard errors at least."""
LEAST_CHECKED = 8
TRIALS = "which kinds of wrong pairs help"
Losses = Callable[[frozenset[str]], Tensor]
"""From the kinds that are drawn like right pairs to what a trial loses on each checked one in the end, (m,)."""


@dataclass(frozen=True)
class KindTried:
    """One kind.

    Attributes:
        share: of the pairs that are not checked, as estimated.
        gain: by how much less is lost on checked pairs with this kind beside, in nats a token; `error` its standard error.
    """

    share: float
    gain: float
    error: float

    @property
    def helps(self) -> bool:
        """Whether it does for sure."""
        return self.gain > SURE * self.error

    def as_json(self) -> dict[str, Any]:
        """As it stands in a run's files."""
        return {**vars(self), "helps": self.helps}

    def sentence(self, kind: str) -> str:
        """What becomes of such pairs, and why."""
        better = f"{abs(self.gain):.2f} ± {self.error:.2f} nats a token {'better' if self.gain > 0 else 'worse'}"
        told = f"{kind.replace('_', ' ')} pairs ({self.share:.0%}) are {becomes(self.helps)}"
        return f"{told}: with them checked pairs are foretold {better}"


def kinds_tried(bench: Bench, clean: Tensor, watcher: Watcher) -> dict[str, KindTried]:
    """Each kind that is there for sure; none where examples are no pairs, nobody judges them, or hardly any is checked.

    Args:
        bench: of the run.
        clean: the ids of the checked examples, (m,).
        watcher: told of each kind.
    """
    if not bench.inputs.train.task.of_pairs or bench.halves is None or len(clean) < LEAST_CHECKED:
        return {}
    kinds = kinds_there(bench.halves.rightness(clean))
    turn, most = iter(range(1, len(kinds) + 2)), len(kinds) + 1

    def losses(helping: frozenset[str]) -> Tensor:
        part = " and ".join(sorted(helping)) or "right ones alone"
        watcher.phase(TRIALS, part, bench.trial_steps, (next(turn), most))
        return bench.losses_without_checked(helping)

    tried = compared(kinds, losses)
    for kind, found in tried.items():
        watcher.note(found.sentence(kind))
    return tried


def kinds_there(found: Rightness) -> dict[str, float]:
    """The kinds that are more than rare, for all that is known, and their shares; the most frequent first."""
    sure = {kind: share for kind, share in found.kinds.items() if found.kind_intervals[kind][0] > LEAST_SHARE}
    return dict(sorted(sure.items(), key=lambda item: -item[1]))


def compared(kinds: Mapping[str, float], losses: Losses) -> dict[str, KindTried]:
    """Each kind beside a trial without any of them."""
    if not kinds:
        return {}
    without, found = losses(frozenset()).double(), {}
    for kind, share in kinds.items():
        gain = without - losses(frozenset({kind})).double()
        error = float(gain.std()) / len(gain) ** 0.5
        found[kind] = KindTried(share, float(gain.mean()), error)
    return found


def becomes(helps: bool) -> str:
    """What pairs of a kind are, in words."""
    return "drawn like right ones" if helps else "left out"


def helping(kinds: Mapping[str, Mapping[str, Any]]) -> frozenset[str]:
    """Those that help, of what stands in a run's files."""
    return frozenset(kind for kind, found in kinds.items() if found["helps"])
