"""Which rows are the clean set: named by the user, or, where there is none, a share of the rows that stands in for it.

Cross-validation, searches and ensembles fit on some of the rows. A mask is split along with them; row numbers are not, and
would name other rows without a word. So numbers are taken only where `fit` was called with all rows, and where X has no
index of its own that they might mean; labels of a pandas index are looked up wherever they are.
"""

from typing import Any

import numpy as np

from reweigh.errors import BadInput
from reweigh.hosts.sklearn.callers import see_that_clean_rows_are_transformed, splitter

Ints = np.ndarray[Any, np.dtype[np.int64]]

_FORMS = (
    "a boolean mask, one entry a row, which is split along with the rows; or labels of a pandas index (`X.index[...]`); "
    "or the rows themselves as X_clean= and y_clean="
)


def named_rows(clean: Any, rows: int, *, X: Any = None, y: Any = None) -> Ints:
    """The row numbers that `clean` names: a boolean mask (N,), row numbers (M,), or labels of the index of X or y (M,).

    X and y are as the user gave them; N = `rows`.

    Raises:
        BadInput: if it is none of these, names no row, a row twice, one that is not there, or if which rows it means
            cannot be known.
    """
    given = _as_array(clean, rows)
    if given.size == 0 or (given.dtype == bool and not given.any()):
        raise BadInput("clean= names no row: name at least one checked row, better ten a class")
    if given.dtype == bool:
        if len(given) != rows:
            raise BadInput(f"clean= is a mask of {len(given)} entries, but X has {rows} rows: give one entry a row")
        _check_same_index(clean, X)
        return np.flatnonzero(given)
    if _is_index(clean) or given.dtype.kind not in "iu":
        return _labelled(given, _index_of(X, y))
    _check_that_numbers_are_known(given, X)
    return _checked_numbers(given.astype(np.int64), rows)


def _as_array(clean: Any, rows: int) -> np.ndarray[Any, Any]:
    """One-dimensional: booleans, whole numbers, or labels."""
    try:
        given = np.asarray(clean)
    except ValueError:  # a pair of tables, say
        given = np.empty((0, 0))
    if given.dtype == object and given.ndim == 1 and all(isinstance(c, bool | np.bool_) for c in given):
        given = given.astype(bool)  # pandas' nullable booleans
    if given.ndim != 1 or (given.size and given.dtype.kind not in "biu" and not _may_be_labels(clean, given)):
        told = f"has shape {given.shape} and type {given.dtype}" if given.shape != (0, 0) else "holds several tables"
        raise BadInput(
            f"clean= {told}: give a boolean mask of {rows} entries, or the numbers of the clean rows, or the checked rows "
            "themselves as X_clean= and y_clean="
        )
    return given


def _may_be_labels(clean: Any, given: np.ndarray[Any, Any]) -> bool:
    return _is_index(clean) or (given.dtype.kind in "UTMO" and not any(_missing(label) for label in given.tolist()))


def _missing(label: Any) -> bool:
    return label is None or isinstance(label, float) or type(label).__name__ in ("NAType", "NaTType")


def _is_index(clean: Any) -> bool:
    """Whether it is a pandas index, without importing pandas."""
    return hasattr(clean, "get_indexer") and hasattr(clean, "is_unique")


def _index_of(*tables: Any) -> Any:
    """The index of the first of the tables that has one."""
    return next((table.index for table in tables if _is_index(getattr(table, "index", None))), None)


def _check_same_index(clean: Any, X: Any) -> None:
    own, of_rows = _index_of(clean), _index_of(X)
    if own is not None and of_rows is not None and not own.equals(of_rows):
        raise BadInput(
            "clean= and X have different indexes, so which rows the mask means cannot be known: give clean.loc[X.index] to "
            "go by labels, or clean.to_numpy() to go by position"
        )


def _check_that_numbers_are_known(given: Ints, X: Any) -> None:
    if caller := splitter():
        raise BadInput(
            f"clean= gives row numbers, but fit was called by {caller}, which may hand on some of the rows under other "
            f"numbers: give {_FORMS}"
        )
    index = _index_of(X)
    if index is None or index.equals(type(index)(range(len(index)))):
        return
    if index.dtype.kind in "iuf" and bool(np.isin(given, np.asarray(index)).any()):
        raise BadInput(
            "clean= gives numbers, and the index of X, whose labels are numbers too, is not 0, 1, 2, ..., so whether "
            "positions or labels are meant cannot be known: give X.index[...], or a boolean mask"
        )


def _labelled(given: np.ndarray[Any, Any], index: Any) -> Ints:
    """The positions of these labels; where some rows are elsewhere, as in cross-validation, of those that are there."""
    if index is None:
        raise BadInput(
            f"clean= gives labels such as {given[:1].tolist()[0]!r}, but neither X nor y comes with a pandas index "
            "to look them up in: give a boolean mask, one entry a row, or row numbers"
        )
    if not index.is_unique:
        raise BadInput("clean= gives labels, but the index has some twice: give a boolean mask, one entry a row")
    if len(set(given.tolist())) < len(given):
        raise BadInput("clean= names a row more than once: name each row once, or give a mask of booleans")
    places = np.asarray(index.get_indexer(given), dtype=np.int64)
    missing = given[places < 0]
    if len(missing) and (len(missing) == len(given) or not splitter()):
        raise BadInput(
            f"clean= names the row {missing.tolist()[0]!r}, which is not in the index: give labels of X's index"
        )
    return np.sort(places[places >= 0])


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


def one_clean_source(clean: Any, X_clean: Any, y_clean: Any) -> None:
    """See that the clean set is named in one way only.

    Raises:
        BadInput: if it is named in two ways, or by half.
    """
    if (X_clean is None) != (y_clean is None):
        missing = "X_clean" if X_clean is None else "y_clean"
        raise BadInput(f"{missing} is missing: X_clean= and y_clean= go together")
    if clean is not None and X_clean is not None:
        raise BadInput("the clean set is given twice: by clean= and by X_clean= and y_clean=; leave one out")
    if X_clean is not None:
        see_that_clean_rows_are_transformed()
