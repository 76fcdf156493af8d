"""Which rows are the clean set: named by the user, or, where there is none, a share of the rows that stands in for it."""

from typing import Any

import numpy as np

from reweigh.errors import BadInput

Ints = np.ndarray[Any, np.dtype[np.int64]]


def named_rows(clean: Any, rows: int) -> Ints:
    """The row numbers that `clean`, a boolean mask (N,) or row numbers (M,), names; N = `rows`.

    Raises:
        BadInput: if it is neither, names no row, a row twice, or one that is not there.
    """
    given = np.asarray(clean)
    if given.dtype == object and given.ndim == 1 and all(isinstance(c, bool | np.bool_) for c in given):
        given = given.astype(bool)  # pandas' nullable booleans
    if given.ndim != 1 or (given.size and given.dtype.kind not in "biu"):
        raise BadInput(
            f"clean= has shape {given.shape} and type {given.dtype}: give a boolean mask of {rows} entries, or the numbers "
            "of the clean rows"
        )
    if given.size == 0 or (given.dtype == bool and not given.any()):
        raise BadInput("clean= names no row: name at least one checked row, better ten a class")
    if given.dtype == bool:
        if len(given) != rows:
            raise BadInput(f"clean= is a mask of {len(given)} entries, but X has {rows} rows: give one entry a row")
        return np.flatnonzero(given)
    return _checked_numbers(given.astype(np.int64), rows)


def _checked_numbers(given: Ints, rows: int) -> Ints:
    outside = given[(given < 0) | (given >= rows)]
    if len(outside):
        raise BadInput(f"clean= names row {outside[0]}, but the rows of X are numbered 0 to {rows - 1}")
    distinct, counts = np.unique(given, return_counts=True)
    if len(distinct) < len(given):
        raise BadInput(
            f"clean= names row {distinct[counts.argmax()]} more than once: name each row once, or give a mask of booleans"
        )
    return distinct


def stand_in(codes: Ints | None, rows: int, fraction: float, random: np.random.RandomState) -> Ints:
    """A random share of the rows, at least one of each class; `codes` (N,) are the classes, None for regression."""
    groups = [np.arange(rows)] if codes is None else [np.flatnonzero(codes == c) for c in np.unique(codes)]
    chosen = [random.permutation(group)[: max(1, round(fraction * len(group)))] for group in groups]
    return np.sort(np.concatenate(chosen)).astype(np.int64)
