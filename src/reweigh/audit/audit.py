"""An audit: what a run learnt about each training label, in one table.

Two questions are asked of an example. **Is its label right?** Two students that judge each other's half answer, taught by
the checked examples (`halves`): the probability, the label to try instead, and how many labels are wrong. Whether they can
be believed is asked of checked examples that they were not taught by. **Does it help?** The ledger says how far training
trusted it: an example may be right and not needed, or wrong and harmful.

Where right labels cannot be told from wrong ones, and for tasks that nobody can judge so, what training trusted is all there
is: an example counts as an issue where it had little trust and the finished model says something else. No number of wrong
labels follows from that. Of a regression the model says otherwise where its value is further from the given one than three
times the usual distance. Examples of own data that were named as checked are not audited.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from reweigh.audit.copies import Copies, copies_of
from reweigh.audit.halves import LabelsJudged
from reweigh.audit.quality import capped
from reweigh.data import Examples
from reweigh.data.own import Encoding, Names, Sources
from reweigh.ledger.visits import Array
from reweigh.rightness import Rightness, weights_by
from reweigh.run.finished import FinishedRun
from reweigh.storage import home
from reweigh.tasks import Groups, Task

HELPS = 0.1
"""A mean relative weight below it is hardly any."""


@dataclass(frozen=True)
class Audit:
    """One row a training example, in the training set's order: (N,) each; NaN where it was never seen.

    Attributes:
        examples: the training set, `run` the run that it comes from.
        given, suggested: class numbers; where the model agrees with the label the two are the same. Of a regression values
            in the target's units, of several labels (N, L) zeros and ones.
        given_probability, suggested_probability: as likely as they are; NaN of a regression.
        mean_weight, zero_share, mean_alignment, trend: of the ledger; weights are relative, 1 is as in plain training.
        loss: mean over the epochs.
        trust: the share of visits at which it had a weight, ties broken; see `quality.trust`.
        quality: from 0 (bad) to 1, for the label: P(right), or what `quality.label_quality` says.
        issue: bool; the quality (or trust) is below the threshold, and the suggested label is another.
        order: rows, most distrusted first.
        judged: whether each label is right; None where the task is not judged so, or hardly anything was checked.
        checked: the examples whose labels are known to be right; `tested` those that gave the score.
        names, encoding: what the user calls the examples, and how they became numbers; None for a known data set.
    """

    run: FinishedRun
    examples: Examples
    given: Array
    suggested: Array
    given_probability: Array
    suggested_probability: Array
    mean_weight: Array
    zero_share: Array
    mean_alignment: Array
    trend: Array
    loss: Array
    trust: Array
    quality: Array
    issue: Array
    order: Array
    checked: Examples
    tested: Examples
    judged: LabelsJudged | None = None
    names: Names | None = None
    encoding: Encoding | None = None

    def __len__(self) -> int:
        """The number of examples, N."""
        return len(self.given)

    @property
    def corrupted(self) -> Array | None:
        """(N,) bool: which labels are wrong; None where none is known to be."""
        wrong: Array = self.examples.corrupted.numpy()
        return wrong if wrong.any() else None

    @property
    def task(self) -> Task:
        """What was learnt."""
        return self.examples.task

    @cached_property
    def groups(self) -> Groups:
        """The classes, the labels, or ranges of a regression's target."""
        return self.task.groups(self.given, self.suggested)

    @cached_property
    def copies(self) -> Copies | None:
        """Which examples are copies of each other, and which lie far from all others; None of pairs of texts."""
        return None if self.task.of_pairs else copies_of(self)

    def name(self, row: int) -> str:
        """What the user calls the example: a name of their own, or the id."""
        return self.called(int(self.examples.ids[row]))

    def called(self, identity: int) -> str:
        """The same of any training, checked or tested example by its id; in which file it stands is left out."""
        if self.names is None:
            return str(identity)
        name, sources = self.names[identity], self.run.config.data
        for file in (sources.clean, sources.test) if isinstance(sources, Sources) else ():
            name = name.removesuffix(f" of {home(str(file))}")
        return name

    def told(self, label: Any) -> str:
        """A given or suggested label in words."""
        return self.task.told(label)

    def source(self, row: int) -> str | None:
        """The input in words, where the task knows them: a pair of texts is seen from both sides."""
        return self.task.source_told(self.examples.x[row])

    @property
    def estimate(self) -> Rightness | None:
        """What is known of all labels together, where right ones can be told from wrong ones; else None."""
        return None if self.judged is None or self.judged.of_all.share is None else self.judged.of_all

    def sentence(self) -> str:
        """How many labels look wrong, or why that cannot be said."""
        if self.judged is not None:
            return self.judged.of_all.sentence()
        if self.task.judging is None:
            return (
                f"how many labels are wrong is not told for {self.task.name}: these are the examples to look at first"
            )
        return (
            "hardly any example is checked, so that nobody can say how many labels are wrong: check ten of "
            f"{self.task.words.of_each}"
        )

    @property
    def by_rightness(self) -> bool:
        """Whether examples are ranked by P(right); for that they need to be told apart less surely than for a number."""
        return self.judged is not None and self.judged.of_all.evidence.ranks

    @property
    def right(self) -> Array:
        """(N,) the probability that the label is right; NaN where that cannot be told."""
        return np.full(len(self), np.nan) if self.judged is None or self.estimate is None else self.judged.right

    @property
    def kind(self) -> Array:
        """(N,) of which kind an example is wrong, if another label is likelier; empty elsewhere, and where nobody knows."""
        if self.judged is None or self.estimate is None:
            return np.full(len(self), "", dtype=object)
        return self.judged.kind

    def expected_wrong(self, first: int, last: int) -> float | None:
        """How many labels are wrong among the examples `first` to `last` - 1 of the ranking, as is to be expected.

        None where right labels cannot be told from wrong ones.
        """
        if self.judged is None or self.estimate is None:
            return None
        return float((1 - self.judged.right[self.order[first:last]]).sum())

    def next_wrong(self, count: int = 100) -> str:
        """What is to be expected of the first `count` examples of the ranking, and of the next; "" where nobody knows."""
        first, later = self.expected_wrong(0, count), self.expected_wrong(count, 2 * count)
        if first is None or later is None or len(self) < 2 * count:
            return ""
        return f"about {first:.0f} of the first {count} are wrong, and about {later:.0f} of the next {count}"

    @property
    def sample_weight(self) -> Array:
        """(N,), for another learner, capped, mean 1: by rightness where that can be told; else what training gave."""
        if self.judged is None or self.estimate is None:
            return capped(np.nan_to_num(self.mean_weight))
        return capped(weights_by(self.judged.right))

    @cached_property
    def standing(self) -> Array:
        """(N,) words: "right", "wrong", and beside it whether training gained by the example; empty where never seen."""
        helps = np.nan_to_num(self.mean_weight) > HELPS
        words = np.where(
            self.issue,
            np.where(helps, "wrong, and used", "wrong, and harmful"),
            np.where(helps, "right", "right, but not needed"),
        )
        return np.where(np.isnan(self.mean_weight), "", words)

    @property
    def contradicted(self) -> Array:
        """(N,) bool: where another label is suggested than the given one."""
        return self.task.contradicts(self.given, self.suggested)

    def per_class(self, values: Array) -> Array:
        """Means of `values` (N,) over the examples of each given class (C,) or other group; NaN for one without any."""
        return self.groups.mean(values)

    @property
    def noise_rates(self) -> Array:
        """The estimated share of wrong labels in each given class or range, or of what is said of each label, (C,).

        NaN where it cannot be told; where nothing is judged it is the share of issues in each group, which is no estimate.
        """
        if self.judged is None:
            return self.per_class(self.issue)
        if self.estimate is None:
            return np.full(len(self.groups.names), np.nan)
        if self.estimate.by_class:
            rates: Array = 1 - self.estimate.class_share
            return rates
        assert self.judged is not None
        return self.per_class(1 - self.judged.right)

    @property
    def confusion(self) -> Array:
        """(C, C) counts: given label by suggested one."""
        return self.groups.confusion
