"""What it says to somebody that checked examples were called otherwise before."""

from torch import Tensor

from ...rightness.before import Before, Relabelled
from ...tasks import Task


def check_found(task: Task, ids: Tensor, y: Tensor, before: Before | None) -> list[str]:
    """A sentence on how many of the checked examples' labels were wrong; none where that is not known.

    Args:
        task: whose targets these are.
        ids: of the checked examples, (m,).
        y: their right targets, (m, ...).
        before: what they were called.
    """
    if before is None or task.judging is None or not task.judging.witness.exact:
        return []
    ours = before.among(ids)
    if not len(ours.ids):
        return []
    found = Relabelled.of(ours, y)
    low, high = (100 * end for end in found.interval)
    which = f"of the {found.labels:,} checked examples that stand in the training set"
    if not found.wrong:
        told = f"unless they were corrected there, at most {high:.0f} % of labels like theirs are wrong"
        return [f"none {which} has another label there: {told}"]
    return [
        f"{found.wrong:,} {which} have another label there: {low:.0f} to {high:.0f} % of labels like theirs are wrong"
    ]
