"""Why an example is suspect, in one short sentence: what models say that have not seen its label, and what is near to it."""

from collections.abc import Callable
from typing import Any

import numpy as np

from reweigh.audit import Audit
from reweigh.ledger.visits import Array
from reweigh.tasks import Answers


def why(audit: Audit, row: int, near: Array) -> str:
    """Of the training example at `row`, with the labels of the checked examples that are `near` to it, (k, ...)."""
    answers = audit.task.answers
    assert answers is not None
    copies = "" if audit.copies is None else audit.copies.why(row)
    return f"{copies} {_OF[answers](audit, row, near)}".strip()


def _of_classes(audit: Audit, row: int, near: Array) -> str:
    given, suggested = audit.given[row], audit.suggested[row]
    beside = f"of its {len(near)} nearest checked examples {_many(near == given)} “{audit.told(given)}”"
    if given == suggested:
        return f"No other label is likelier; {beside}."
    beside = f"{beside} and {_many(near == suggested)} “{audit.told(suggested)}”"
    return f"{_says(audit, row, audit.told(suggested), 'likelier')}; {beside}."


def _of_labels(audit: Audit, row: int, near: Array) -> str:
    given, suggested = audit.given[row].astype(bool), audit.suggested[row].astype(bool)
    near = near.astype(bool)

    doubtful = np.flatnonzero(given != suggested).tolist()
    if not doubtful:
        return "No other labels are likelier."
    parts = (
        f"“{audit.task.classes[k]}” is likely {'missing' if suggested[k] else 'too many'} ({near[:, k].sum()} of the "
        f"{len(near)} nearest checked examples have it)"
        for k in doubtful
    )
    return f"{', '.join(parts)}."


def _of_numbers(audit: Audit, row: int, near: Array) -> str:
    low, high = (audit.told(value) for value in (near.min(), near.max()))
    beside = f"its {len(near)} nearest checked examples have {low if low == high else f'{low} to {high}'}"
    if not audit.contradicted[row] or audit.given[row] == audit.suggested[row]:
        return f"No other number is likelier; {beside}."
    return f"{_says(audit, row, audit.told(audit.suggested[row]), 'likelier')}; {beside}."


_OF: dict[Answers, Callable[[Audit, int, Array], str]] = {
    Answers.ONE: _of_classes,
    Answers.SEVERAL: _of_labels,
    Answers.NUMBER: _of_numbers,
}


def _says(audit: Audit, row: int, label: str, how: str) -> str:
    """Who finds another label likelier: two students that were not trained on it, or the model that was."""
    if audit.by_rightness:
        return f"Two models that have not seen this label find “{label}” {how}"
    return f"The trained model finds “{label}” {how}, and training used it at {1 - audit.zero_share[row]:.0%} of its visits"


def _many(which: Any) -> str:
    count = int(np.sum(which))
    return f"{count or 'none'} {'are' if count > 1 else 'is'}"
