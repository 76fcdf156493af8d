"""The audit as a file: CSV or Parquet, a row an example, the most distrusted first.

A CSV file is opened by spreadsheets, which run a cell that begins with =, +, - or @ as a formula. Class names come from the
data, so a name that begins so gets an apostrophe in front; plain numbers, as in a column of -1 and +1, are left alone.
"""

import csv
import io
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reweigh.audit.audit import Audit
from reweigh.errors import BadInput, require
from reweigh.storage import make_folder, write_bytes

COLUMNS = (
    "id", "given_label", "suggested_label", "is_label_issue", "label_quality", "sample_weight", "given_probability",
    "suggested_probability", "mean_weight", "zero_share", "mean_alignment", "loss", "trend",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def check_output(path: Path, *, overwrite: bool) -> None:
    """Refuse a file that cannot be written as asked, before any work is done.

    Raises:
        BadInput: if the name ends in neither .csv nor .parquet, or something is there and `overwrite` is not set.
    """
    if path.suffix.lower() not in (".csv", ".parquet"):
        raise BadInput(f"{path} ends in neither .csv nor .parquet: name the file so that it says which it should be")
    check_free(path, overwrite=overwrite)


def check_free(path: Path, *, overwrite: bool) -> None:
    """Refuse to write over a file unless that is asked for, or over a folder at all.

    Raises:
        BadInput: saying what to do.
    """
    if path.is_dir():
        raise BadInput(f"{path} is a folder: name a file with --output")
    if path.exists() and not overwrite:
        raise BadInput(f"{path} exists: replace it with --overwrite, or name another file with --output")


def write_export(audit: Audit, path: Path | str, *, overwrite: bool = False) -> None:
    """Write the audit to `path`, whole or not at all; the ending, .csv or .parquet, says which.

    `sample_weight` is the mean relative weight (0 for an example that was never seen), ready to be handed to another
    estimator. What is not known is empty or null.

    Raises:
        BadInput: as `check_output`.
        ReweighError: if the disk refuses.
    """
    path = Path(path)
    check_output(path, overwrite=overwrite)
    make_folder(path.parent)
    write_bytes(path, _parquet(audit) if path.suffix.lower() == ".parquet" else _csv(audit))


def columns(audit: Audit) -> dict[str, Any]:
    """The columns, (N,) each, most distrusted first; labels by their names."""
    names, order = audit.examples.classes, audit.order
    by_row = {
        "id": audit.examples.ids.numpy(),
        "is_label_issue": audit.issue,
        "label_quality": audit.quality,
        "sample_weight": _zero_where_unseen(audit),
        "given_probability": audit.given_probability,
        "suggested_probability": audit.suggested_probability,
        "mean_weight": audit.mean_weight,
        "zero_share": audit.zero_share,
        "mean_alignment": audit.mean_alignment,
        "loss": audit.loss,
        "trend": audit.trend,
    }
    found = {name: values[order] for name, values in by_row.items()}
    found["given_label"] = [names[label] for label in audit.given[order].tolist()]
    found["suggested_label"] = [names[label] for label in audit.suggested[order].tolist()]
    return {name: found[name] for name in COLUMNS}


def cell(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    if not text.lstrip(" ").startswith(_FORMULA) or _is_number(text):
        return text
    return f"'{text}"


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text)) and text == text.strip()
    except ValueError:
        return False


def _zero_where_unseen(audit: Audit) -> Any:
    weight = audit.mean_weight.copy()
    weight[weight != weight] = 0.0
    return weight


def _csv(audit: Audit) -> bytes:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow(COLUMNS)
    writer.writerows(_rows(columns(audit)))
    return buffer.getvalue().encode()


def _rows(table: dict[str, Any]) -> Iterator[list[str]]:
    lists = [values if isinstance(values, list) else values.tolist() for values in table.values()]
    for row in zip(*lists, strict=True):
        yield [_written(value) for value in row]


def _written(value: Any) -> str:
    if isinstance(value, str):
        return cell(value)
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.7g}"
    return str(value)


def _parquet(audit: Audit) -> memoryview:
    pa, parquet = require("pyarrow", "cli"), require("pyarrow.parquet", "cli")
    arrays = {name: pa.array(values, from_pandas=True) for name, values in columns(audit).items()}
    sink = pa.BufferOutputStream()
    parquet.write_table(pa.table(arrays), sink)
    return memoryview(sink.getvalue())
