"""One pass over a table: inputs by whoever encodes them, and the columns that have a role, kept as they stand."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from ...arrow import compute, pa
from ...errors import BadInput
from ...words import counted, shown
from ..stored import Stored
from .columns import Roles, present_all
from .encode import Encoded
from .paths import Table
from .rows import Rows
from .targets import as_flags
from .values import MISSING_LABEL, BoolArray, as_words, is_usable, one_spelling

_NO_MARK = "correct it; if the column holds what is right of the rows that were checked, name it by --clean-target"
Inputs = Callable[[Table], Encoded]
"""From an opened table to (N, ...) inputs."""


def read_table(file: Table, part: str, roles: Roles, needed: Sequence[str], inputs: Inputs) -> Rows:
    """The rows of the opened table, which is the "train", "clean", "test" or "new" part.

    `needed` are the columns that `inputs` reads. All parts need the targets but a new one.

    Raises:
        BadInput: a column is missing, the table has no rows, or a cell cannot be used.
    """
    present_all([*needed, *(roles.targets if part != "new" else ())], file.names, file.path)
    if not file.rows:
        raise BadInput(f"{file.path} has column names but no rows: give at least one example")
    there = set(file.names)
    kept = [name for name in roles.all if name in there]
    columns = {name: _whole(column) for name, column in zip(kept, file.columns(kept), strict=True)}
    where, encoded = str(file.path), inputs(file)
    bare, told = (), {"rows": file.rows, "columns": encoded.told}
    checked = _checked(columns.get(roles.checked or ""), roles.checked, where) if part == "train" else None
    notes = [*file.notes, *encoded.notes, *_unmarked(columns.get(roles.checked or ""), roles.checked, part)]
    return Rows(
        where=where,
        x=encoded.x if isinstance(encoded.x, Stored) else torch.from_numpy(encoded.x),
        targets=tuple(columns[name] for name in roles.targets) if set(roles.targets) <= columns.keys() else bare,
        keys=_keys(columns.get(roles.id or ""), roles.id, where, part),
        checked=checked,
        right=_right(columns.get(roles.right or ""), roles.right, where) if part == "train" else None,
        table=file.table() if part == "new" else None,
        notes=tuple(notes),
        told=told,
    )


def _whole(column: Any) -> Any:
    """One array; text that is too long for one stays in chunks."""
    try:
        return column.combine_chunks()
    except pa.ArrowInvalid:
        return column


def _unmarked(column: Any, name: str | None, part: str) -> list[str]:
    if column is None or name is None or part != "train":
        return []
    empty = as_words(column, MISSING_LABEL).null_count
    return [f"{counted(empty, 'row')} with nothing in column {shown(name)} count as not checked"] if empty else []


def _usable(column: Any, name: str, where: str) -> Any:
    if not is_usable(column):
        raise BadInput(f"column {shown(name)} of {where} holds lists or bytes: name a column of single values")
    return column


def _checked(column: Any, name: str | None, where: str) -> BoolArray | None:
    if column is None or name is None:
        return None
    return np.nan_to_num(as_flags(_usable(column, name, where), name, where, _NO_MARK)) > 0


def _right(column: Any, name: str | None, where: str) -> Any:
    return None if column is None or name is None else _usable(column, name, where)


def _keys(column: Any, name: str | None, where: str, part: str) -> Any:
    if column is None or name is None:
        return None
    keys = one_spelling(as_words(_usable(column, name, where), MISSING_LABEL))
    if part == "new":
        return keys.fill_null("(no id)")
    check_keys(keys, name, where)
    return keys


def check_keys(keys: Any, name: str, where: str) -> None:
    """Names are there, and are unique.

    Raises:
        BadInput: naming the first row without one, or with one that was there before.
    """
    if keys.null_count:
        row = compute.index(compute.is_null(keys), True).as_py()
        raise BadInput(
            f"row {row} of {where} has no {shown(name)}: give every row an id of its own, or name another column"
        )
    counts = compute.value_counts(keys)
    if len(counts) < len(keys):
        twice = counts.field(0)[compute.index(compute.greater(counts.field(1), 1), True).as_py()].as_py()
        first = compute.index(keys, twice).as_py()
        again = first + 1 + compute.index(keys.slice(first + 1), twice).as_py()
        raise BadInput(
            f"the {shown(name)} {shown(twice)} in row {again} of {where} is that of row {first} already: give every row "
            "an id of its own, or name another column"
        )
