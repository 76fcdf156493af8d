"""Decisions without a review, where the probabilities allow them: no label changes and no row goes that is not sure."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from reweigh.apply.decisions import CHANGE, DROP, Decision
from reweigh.audit import Audit
from reweigh.errors import BadInput
from reweigh.words import counted

SURE = 0.95
KEPT = 0.97
"""What probabilities above it promise they do not keep: of decisions at 0.99 98.2 % were right (docs/apply.md)."""


@dataclass(frozen=True)
class Automatic:
    """What was decided without a review.

    Attributes:
        decisions: on the examples that are sure enough.
        sure: the least probability that a decision is right.
        left: how many other labels are likelier wrong than right.
    """

    decisions: list[Decision]
    sure: float
    left: int

    def sentence(self) -> str:
        """What was decided, how often that is wrong, and what is left to review."""
        changed = sum(one.word == CHANGE for one in self.decisions)
        dropped, wrongly = len(self.decisions) - changed, (1 - min(self.sure, KEPT)) * len(self.decisions)
        return (
            f"without review, each said to be right with a probability of {self.sure:.0%} or more: "
            f"{counted(changed, 'label')} changed and {counted(dropped, 'row')} dropped, up to about {wrongly:.1f} of them "
            f"wrongly; {counted(self.left, 'other label')} likelier wrong than right are left to review"
        )


def decided(audit: Audit, sure: float = SURE, reviewed: Collection[str] = ()) -> Automatic:
    """Take the suggested label where it is right with the probability `sure` or more; drop where the given one is wrong so.

    Args:
        audit: of the run.
        sure: that probability.
        reviewed: ids that a reviewer decided on, which are left alone.

    Raises:
        BadInput: if `sure` is no such probability, or right labels cannot be told from wrong ones.
    """
    if not 0.5 <= sure < 1:
        raise BadInput(f"--sure is {sure}: give a probability from 0.5 to below 1, such as {SURE}")
    if audit.estimate is None:
        raise BadInput(f"nothing is decided without review, since {audit.sentence()}: review the suspects instead")
    wrong = 1 - audit.right
    likely = np.where(audit.contradicted, np.nan_to_num(audit.suggested_probability), 0.0)
    given, suggested = (_told(audit, labels) for labels in (audit.given, audit.suggested))
    decisions, left = list[Decision](), 0
    for row in audit.order[wrong[audit.order] > 0.5].tolist():
        name = audit.name(row)
        if name in reviewed:
            continue
        where = f"{name} of the audit"
        if likely[row] >= sure:
            decisions.append(Decision(name, given[row], CHANGE, suggested[row], where))
        elif wrong[row] >= sure:
            decisions.append(Decision(name, given[row], DROP, "", where))
        else:
            left += 1
    return Automatic(decisions, sure, left)


def _told(audit: Audit, labels: np.ndarray) -> list[str]:
    return [str(cell) for cell in list(audit.task.cells(labels))]
