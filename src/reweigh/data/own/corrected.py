"""A column of the training file that holds what is right of the rows that were checked, beside what they were called.

Such a column is what is left when somebody has gone over some rows of a spreadsheet. Its rows are the checked ones, with its
cells for their labels; what they were called before stays known.
"""

from dataclasses import replace
from typing import Any

from ...arrow import compute
from ...errors import BadInput
from ...rightness.before import Before
from ...words import counted, shown
from ..examples import Examples
from .rows import Rows
from .sources import Sources
from .targets import is_missing
from .values import MISSING_LABEL, BoolArray, as_words, different

_SAYINGS = (
    "ok okay o.k. same correct right true yes y x ✓ ✔ ☑ good fine agree agreed confirm confirmed keep kept unchanged = == "
    "richtig stimmt ja oui correcto correcta sí si"
)
_AGREES = frozenset(_SAYINGS.split())
"""What people write beside a label that they found to be right, in small letters."""


def corrected_rows(train: Rows) -> BoolArray | None:
    """(N,) the rows with something in that column; None where there is none."""
    return None if train.right is None else ~is_missing(replace(train, targets=(train.right,)))


def corrected(train: Rows, column: str | None) -> Rows:
    """The training file with what is right where that is known, else what is given; itself without such a `column`.

    Raises:
        BadInput: naming a row where it says that the given label is right, and not which it is.
    """
    if train.right is None:
        return train
    right, given = (as_words(column, MISSING_LABEL) for column in (train.right, train.targets[0]))
    _check_labels(train, right, given, str(column))
    return replace(train, targets=(compute.coalesce(right, given),), notes=(), told={})


def _check_labels(train: Rows, right: Any, given: Any, column: str) -> None:
    known = set(different(given)[0].to_pylist())
    for word in different(right)[0].to_pylist():
        if word.casefold() in _AGREES and word not in known:
            row = compute.index(right, word).as_py()
            raise BadInput(
                f"{train.name(row)} of {train.where} has {shown(word)} in column {shown(column)}, where no given label is "
                "called so: write the label itself there, or leave it empty where the given one is right and say which rows "
                "were checked, with --clean-column"
            )


def marked_or_corrected(
    train: Rows, marked: BoolArray | None, column: str | None
) -> tuple[BoolArray | None, list[str]]:
    """(N,) the checked rows: those that are `marked`, and those with something in the `column`; and what to say of that."""
    right = corrected_rows(train)
    if right is None or marked is None:
        return (marked if right is None else right), []
    more = int((right & ~marked).sum())
    told = (
        f"{counted(more, 'row')} with something in column {shown(column)} count as checked, though not marked as such"
    )
    return marked | right, [told] if more else []


def called_before(before: Before | None, clean: Examples, sources: Sources) -> tuple[Before | None, list[str]]:
    """What checked rows were called; and what to say where that is of no use, that column alone saying which they are.

    Who writes a label down only where the given one is wrong has checked more rows than stand there.
    """
    column, marked = sources.clean_target, sources.clean_column or sources.clean_ids
    if before is None or column is None or marked:
        return before, []
    ours = before.among(clean.ids)
    if not len(ours.ids) or bool((clean.y[ours.ids] == ours.targets).view(len(ours.ids), -1).all(1).any()):
        return before, []
    return None, [
        f"none of the {counted(len(ours.ids), 'row')} with something in column {shown(column)} is called so already, so "
        "that how many labels are wrong is not told by them: if it is empty where a label was found to be right, say which "
        "rows were checked, with --clean-column"
    ]
