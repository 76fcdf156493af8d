"""What the page knows of each suspect: the content of its data, ready to be written as JSON."""

from typing import Any

import numpy as np

from reweigh.audit import Audit
from reweigh.ledger.visits import Array
from reweigh.review.nearest import nearest_checked
from reweigh.review.seen import seen_of
from reweigh.review.why import why
from reweigh.run.finished import trained_model
from reweigh.tables import cell
from reweigh.tasks import Answers


def content(audit: Audit, rows: Array) -> dict[str, Any]:
    """What the page is told, as JSON has it; pictures are lines of their own, in the place of what is `seen`."""
    assert audit.task.answers is not None
    model = trained_model(audit.run, tuple(audit.examples.x.shape[1:]), audit.examples.task.outputs, audit.encoding)
    near = nearest_checked(audit, model, rows)
    seen = seen_of(audit, model, rows, near)
    answers, y = audit.task.answers, audit.checked.y[near.used]
    labels = audit.task.in_units(y).numpy()
    found = [
        {
            "id": audit.name(row),
            "given": _said(answers, audit.given[row]),
            "suggested": _said(answers, audit.suggested[row]),
            "wrong": _known(1 - audit.right[row]),
            "why": why(audit, row, labels[near.places[k]]),
            "near": near.places[k].tolist(),
            "seen": seen.suspects[k],
        }
        for k, row in enumerate(rows.tolist())
    ]
    checked = [
        {"id": audit.called(int(audit.checked.ids[place])), "label": _said(answers, label), "seen": seen.checked[k]}
        for k, (place, label) in enumerate(zip(near.used, labels, strict=True))
    ]
    return {
        "digest": audit.run.digests.run or audit.run.mark,
        "answers": answers.value,
        "classes": list(audit.task.classes) if answers is not Answers.NUMBER else [],
        "written": _written([*(one["id"] for one in found), *audit.task.classes]),
        "form": seen.form,
        "columns": seen.columns,
        "leftOut": seen.left_out,
        "suspects": found,
        "checked": checked,
        "pictures": seen.pictures,
    }


def _said(answers: Answers, label: Any) -> Any:
    """A label: the number of its class, the numbers of those that it has, or the number itself as `audit.csv` has it."""
    if answers is Answers.ONE:
        return int(label)
    return np.flatnonzero(label).tolist() if answers is Answers.SEVERAL else f"{float(label):.7g}"


def _written(texts: list[str]) -> dict[str, str]:
    """Texts that a CSV file has otherwise, since a spreadsheet would run them, with how it has them."""
    return {text: cell(text) for text in texts if cell(text) != text}


def _known(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 4)
