"""The audit as a file: CSV or Parquet, a row an example, the most distrusted first, with what a reviewer looks at."""

from pathlib import Path
from typing import Any

import numpy as np

from reweigh.audit.as_read import inputs_of, places_of
from reweigh.audit.audit import Audit
from reweigh.ledger.visits import Array
from reweigh.tables import write_table
from reweigh.words import counted

FIRST = ("id", "wrong_probability", "wrong_of_next_100", "given_label", "suggested_label", "suggested_probability")
THEN = (
    "is_label_issue", "label_quality", "sample_weight", "given_probability", "kind_of_wrongness", "duplicate_of",
    "label_of_copy", "outlier", "standing",
    "mean_weight", "zero_share", "mean_alignment", "loss", "trend",
)  # fmt: skip
COLUMNS = (*FIRST, *THEN)
NEXT = 100
"""Examples that a reviewer looks at in one go."""


def write_export(audit: Audit, path: Path | str, *, overwrite: bool = False) -> None:
    """Write the audit to `path`, whole or not at all; the ending, .csv or .parquet, says which.

    Own data have their source beside each example: `file` and `line` behind the id, and the inputs (columns of a table, the
    text) behind the suggestion; of pairs of texts `source` stands before the label. `sample_weight` is ready to be handed to
    another estimator (`Audit.sample_weight`). What is not known is empty or null.

    Raises:
        BadInput: if the name ends otherwise, or the file is there and `overwrite` is not set.
        ReweighError: if the disk refuses.
    """
    found = columns(audit)
    taken = {*found, "file", "line"}
    inputs = {_free(name, taken): cells for name, cells in inputs_of(audit, audit.order).items()}
    then = {name: found.pop(name) for name in THEN}
    together = {"id": found.pop("id"), **places_of(audit, audit.order), **found, **inputs, **then}
    write_table(Path(path), together, overwrite=overwrite)


def columns(audit: Audit) -> dict[str, Any]:
    """The columns, (N,) each, most distrusted first; labels and own examples by their names, a regression's by values."""
    order = audit.order
    by_row = {
        "wrong_probability": 1 - audit.right,
        "is_label_issue": audit.issue,
        "label_quality": audit.quality,
        "sample_weight": audit.sample_weight,
        "given_probability": audit.given_probability,
        "suggested_probability": audit.suggested_probability,
        "standing": audit.standing,
        "mean_weight": audit.mean_weight,
        "zero_share": audit.zero_share,
        "mean_alignment": audit.mean_alignment,
        "loss": audit.loss,
        "trend": audit.trend,
    }
    found: dict[str, Any] = {name: values[order] for name, values in by_row.items()}
    found["wrong_of_next_100"] = wrong_of_next(found["wrong_probability"])
    found["kind_of_wrongness"] = audit.kind[order].tolist()
    found["standing"] = found["standing"].tolist()
    rows = order.tolist()
    found |= _of_copies(audit, rows)
    found["id"] = audit.examples.ids.numpy()[order] if audit.names is None else [audit.name(row) for row in rows]
    for name, values in (("given_label", audit.given), ("suggested_label", audit.suggested)):
        found[name] = audit.task.cells(values[order])
    if audit.task.of_pairs:  # nobody knows a better target
        found["source"], found["suggested_label"] = [audit.source(row) for row in rows], [""] * len(rows)
        return {name: found[name] for name in (*COLUMNS[:3], "source", *COLUMNS[3:])}
    return {name: found[name] for name in COLUMNS}


def _of_copies(audit: Audit, rows: list[int]) -> dict[str, list[Any]]:
    """The copy that counts the most, the label of one that carries another (a checked one first), and what lies far."""
    copies = audit.copies
    if copies is None:
        return {"duplicate_of": [None] * len(rows), "label_of_copy": [None] * len(rows), "outlier": [None] * len(rows)}
    firsts, against = {row: copies.first(row) for row in copies.rows}, copies.contradicted
    return {
        "duplicate_of": [firsts.get(row, "") for row in rows],
        "label_of_copy": [copies.label(against[row][0]) if row in against else "" for row in rows],
        "outlier": copies.outlier[rows].tolist(),
    }


def about_weights(audit: Audit) -> str:
    """What another learner makes best use of, in a sentence: the weights, or the rows that are left without the issues.

    Measured by `recipes/sample_weight.py`.
    """
    said = (
        f"weights for another learner (sample_weight) have a mean of 1 and are {audit.sample_weight.max():.1f} at most"
    )
    if audit.estimate is None or not audit.issue.any():
        return said
    return (
        f"{said}; boosted trees, and whatever else fits every row, do as well or better without the "
        f"{counted(int(audit.issue.sum()), 'row')} whose is_label_issue is true"
    )


def wrong_of_next(wrong: Array, count: int = NEXT) -> Array:
    """How many of each example and the `count` - 1 below it are wrong, as is to be expected, (N,); fewer near the end."""
    sums = np.concatenate([[0.0], np.cumsum(wrong)])
    ends = np.minimum(np.arange(len(wrong)) + count, len(wrong))
    return np.asarray(np.round(sums[ends] - sums[:-1], 1))


def _free(name: str, taken: set[str]) -> str:
    """A name for a column of the source; one that the audit has itself is told from it."""
    while name in taken:
        name += " (source)"
    taken.add(name)
    return name
