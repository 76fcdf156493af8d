"""The audit as a file: CSV or Parquet, a row an example, the most distrusted first."""

from pathlib import Path
from typing import Any

from reweigh.audit.audit import Audit
from reweigh.tables import write_table

COLUMNS = (
    "id", "given_label", "suggested_label", "is_label_issue", "label_quality", "sample_weight", "given_probability",
    "suggested_probability", "kind_of_wrongness", "standing", "mean_weight", "zero_share", "mean_alignment", "loss",
    "trend",
)  # fmt: skip


def write_export(audit: Audit, path: Path | str, *, overwrite: bool = False) -> None:
    """Write the audit to `path`, whole or not at all; the ending, .csv or .parquet, says which.

    `sample_weight` is ready to be handed to another estimator (`Audit.sample_weight`). What is not known is empty or null;
    of pairs of texts `source` stands before the label.

    Raises:
        BadInput: if the name ends otherwise, or the file is there and `overwrite` is not set.
        ReweighError: if the disk refuses.
    """
    write_table(Path(path), columns(audit), overwrite=overwrite)


def columns(audit: Audit) -> dict[str, Any]:
    """The columns, (N,) each, most distrusted first; labels and own examples by their names, a regression's by values."""
    order = audit.order
    by_row = {
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
    found["kind_of_wrongness"] = audit.kind[order].tolist()
    found["standing"] = found["standing"].tolist()
    rows = order.tolist()
    found["id"] = audit.examples.ids.numpy()[order] if audit.names is None else [audit.name(row) for row in rows]
    for name, values in (("given_label", audit.given), ("suggested_label", audit.suggested)):
        found[name] = audit.task.cells(values[order])
    if audit.task.of_pairs:  # nobody knows a better target
        found["source"], found["suggested_label"] = [audit.source(row) for row in rows], [""] * len(rows)
        return {name: found[name] for name in (COLUMNS[0], "source", *COLUMNS[1:])}
    return {name: found[name] for name in COLUMNS}
