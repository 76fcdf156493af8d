"""What is known of labels in the end: for each example, for each pair of classes, and for all of them together."""

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from reweigh.errors import BadInput
from reweigh.rightness.before import Relabelled
from reweigh.rightness.crossfit import CrossFit

Floats = npt.NDArray[np.float64]
SHARPNESS = 3.0
"""Weights take so many times the log-odds: a tenth of a wrong label's weight is enough for it to be learnt by heart."""
FINE = 0.05
"""Labels look fine where at most so many of them look wrong, with 97.5 % certainty."""
_MOSTLY = 0.6


class Likeliest(NamedTuple):
    """Of N examples the likeliest labels, the given ones included, shaped alike; their probability, and what changed."""

    labels: npt.NDArray[Any]
    probability: Floats
    changed: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Rightness:
    """Of N examples and K classes.

    Attributes:
        right: the probability that an example's label is right, (N,); 1 for checked examples.
        each: the same of every label of an example, where it has several, (N, L); else as `right`.
        at_most: what `right` is below in nine of ten sets of checked examples drawn from these anew, (N,): where that is
            small, whoever is trained without the example loses nothing for sure.
        suggested: the most likely other label, (N,), as the labels were given.
        likely: the probability of that one, if the given label is wrong, (N,).
        kind: the most likely kind of wrongness, if it is wrong, (N,), names.
        share: the estimated share of right labels among those that are not checked; None where it cannot be told.
        interval: between what it lies with 95 %; None likewise.
        kinds: the estimated share of each kind of wrong labels; empty likewise.
        pairs: how many labels of class i (row) are estimated to be class j (column), (K, K).
        pair_interval: between what each of them lies with 95 %, (2, K, K); None where it cannot be told.
        pair_kinds: how many of each pair are of each kind of wrongness, in the order of `kinds`, (kinds, K, K).
        class_share: the share of right labels in each given class, (K,); NaN of a class that has no unchecked example.
        class_interval: between what each of them lies, (2, K); None likewise.
        classes: the names of the classes, in the order of the probabilities.
        checked: which examples are checked, (N,), bool.
        evidence: what held-out checked examples said.
        kind_intervals: between what the share of each kind lies with 95 %; empty where it cannot be told.
        relabelled: what came of it when checked examples were checked; None where it is not known what they were called.
    """

    right: Floats
    each: Floats
    at_most: Floats
    suggested: npt.NDArray[Any]
    likely: Floats
    kind: npt.NDArray[np.str_]
    share: float | None
    interval: tuple[float, float] | None
    kinds: dict[str, float]
    pairs: Floats
    pair_interval: Floats | None
    pair_kinds: Floats
    class_share: Floats
    class_interval: Floats | None
    classes: npt.NDArray[Any]
    checked: npt.NDArray[np.bool_]
    evidence: CrossFit = field(repr=False)
    kind_intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    relabelled: Relabelled | None = None

    by_class: ClassVar[bool] = True
    """Whether shares are told class by class, or label by label."""

    @property
    def look_fine(self) -> bool:
        """Whether labels look fine: at most a few of them are wrong, for sure."""
        return self.interval is not None and 1 - self.interval[0] <= FINE

    @property
    def some_wrong(self) -> bool | None:
        """Whether some labels are wrong for sure, and more than where they look fine; None where nobody can tell."""
        return None if self.interval is None else not self.look_fine and self.interval[1] < 1

    @property
    def borne_out(self) -> float:
        """How much of the verifier's log-odds real mistakes have borne out, at most 1, and 1 where none is known."""
        line = None if self.relabelled is None else self.relabelled.in_line
        return 1.0 if line is None else line.borne_out

    def weights(self, sharpness: float = SHARPNESS) -> Floats:
        """Weights for training, (N,), mean 1: the sigmoid of `sharpness` times the log-odds of being right.

        Raises:
            BadInput: if the sharpness is no positive number.
        """
        return weights_by(self.right, sharpness)

    def keep(self, share: float | None = None) -> npt.NDArray[np.bool_]:
        """Which examples to keep, (N,): the estimated share of right ones, or another, the most likely right first.

        Checked examples are kept. How much to drop is not how much is wrong: a model that learns by heart gains by dropping
        more, which held-out checked examples tell.

        Raises:
            BadInput: if the share is not between 0 and 1, or is left out where none can be told.
        """
        share = self.share if share is None else share
        if share is None:
            raise BadInput(f"{self.sentence()}: say which share to keep")
        if not 0 < share <= 1:
            raise BadInput(f"the share to keep is {share}: it lies above 0 and up to 1")
        kept, open_ = self.checked.copy(), np.flatnonzero(~self.checked)
        best = np.argsort(-self.right[open_], kind="stable")[: round(share * len(open_))]
        kept[open_[best]] = True
        return kept

    def sentence(self) -> str:
        """What people are to be told of the labels."""
        checked = "" if self.relabelled is None else f"; {self.relabelled.sentence()}"
        return self._said() + checked

    def _said(self) -> str:
        if self.share is None or self.interval is None:
            seen = self.evidence
            if self.checked.all():
                return "all labels are checked"
            told = f"{seen.examples} checked examples cannot tell right labels from wrong ones here"
            more = "; features of the examples might"
            if seen.needed is not None:
                more = f"; some {max(seen.needed - seen.examples, 1):,} more would, if they are like these"
            return f"{told} ({_spoken(seen.hardest)}: AUROC {seen.auroc:.2f} ± {seen.margin:.2f}){more}"
        main = max(self.kinds, key=lambda name: self.kinds[name])
        clear = self.kinds[main] > max(0.01, _MOSTLY * sum(self.kinds.values())) and len(self.kinds) > 1
        mostly = f", mostly {_spoken(main)}" if clear else ""
        return f"{self._many()}{mostly}"

    def _many(self) -> str:
        assert self.share is not None
        assert self.interval is not None
        return f"{_percent(self.share)} of the labels look wrong ({_between(self.interval)})"

    def finished(self, given: npt.NDArray[Any]) -> Self:
        """With what follows from the given labels, (N, ...), for this sort of them."""
        return self

    def likeliest(self, given: npt.NDArray[Any]) -> Likeliest:
        """Of all labels, those that were given (N, ...) included, the likeliest."""
        other = (1 - self.right) * self.likely
        changed = other > self.right
        return Likeliest(np.where(changed, self.suggested, given), np.where(changed, other, self.right), changed)


class LabelRightness(Rightness):
    """Of N examples with any of L labels: a label may be missing, or be there and should not.

    Instead of classes and pairs of them there are labels, and (L, 2): where it should not be there, and where it should.
    `suggested` are the likeliest labels, (N, L).
    """

    def _many(self) -> str:
        assert self.share is not None
        assert self.interval is not None
        entries = 1 - float(self.each[~self.checked].mean())
        told = f"{_percent(self.share)} of the examples look wrong in some label"
        return f"{told} ({_between(self.interval)}), and {100 * entries:.1f} % of all that is said of labels"

    def finished(self, given: npt.NDArray[Any]) -> Self:
        """The kinds are two: missing labels, and some too many."""
        wrong, there = self.each < 0.5, given.astype(bool)
        missing, too_many = (wrong & ~there).any(1), (wrong & there).any(1)
        kind = np.select([missing & too_many, missing, too_many], ["missing, too_many", "missing", "too_many"], "")
        of_kind = np.zeros((2, *self.pairs.shape))
        of_kind[0, :, 1], of_kind[1, :, 0] = self.pairs[:, 1], self.pairs[:, 0]
        entries = max(given[~self.checked].size, 1)
        kinds = dict(zip(("missing", "too_many"), (of_kind.sum((1, 2)) / entries).tolist(), strict=True))
        suggested = self.likeliest(given).labels
        told = {} if self.share is None else kinds
        return replace(self, suggested=suggested, kind=kind, kinds=told, pair_kinds=of_kind)

    def likeliest(self, given: npt.NDArray[Any]) -> Likeliest:
        """Each label by itself."""
        wrong = self.each < 0.5
        labels = np.where(wrong, 1 - given, given)
        return Likeliest(labels, np.maximum(self.each, 1 - self.each).prod(1), np.asarray(wrong.any(1)))


class NumberRightness(Rightness):
    """Of N examples with a number; `suggested` is what the model foretells. There is one share for all."""

    by_class: ClassVar[bool] = False

    def _many(self) -> str:
        return super()._many().replace("of the labels look", "of the targets look")

    def likeliest(self, given: npt.NDArray[Any]) -> Likeliest:
        """What is foretold where the given number is likely wrong; how likely that is nobody says."""
        changed = self.right < 0.5
        return Likeliest(np.where(changed, self.suggested, given), np.full(len(given), np.nan), changed)


def _percent(share: float) -> str:
    return f"{100 * (1 - share):.0f} %"


def _between(interval: tuple[float, float]) -> str:
    low, high = (100 * (1 - bound) for bound in reversed(interval))
    return f"{low:.0f} to {high:.0f} %"


def _spoken(kind: str) -> str:
    return kind.replace("_", " ")


def weights_by(right: Floats, sharpness: float = SHARPNESS) -> Floats:
    """Weights (N,), mean 1, from probabilities of being right (N,); as `Rightness.weights`."""
    if not 0 < sharpness < np.inf:
        raise BadInput(f"the sharpness is {sharpness}: it is a positive number, 1 for the probabilities themselves")
    right = np.clip(right, 1e-12, 1 - 1e-12)
    raw = 1 / (1 + (1 / right - 1) ** sharpness)
    return np.asarray(raw / raw.mean(), dtype=np.float64)
