"""Which rows of the training data are the checked ones: a mask, row numbers, or labels of a pandas index."""

import re
from pathlib import Path
from typing import Any

import numpy as np

from reweigh.api.tables import collected, is_pandas, off_device
from reweigh.errors import BadInput, require

ROWS_OF_A_PATH = "clean= names rows, and train= is a path: give clean= a path too, or clean_ids= or clean_column="


def mask_of(clean: Any, train: Any) -> Any:
    """(N,) bool, the rows of `train` that `clean` names; labels and numbers are told apart as the estimators do.

    Raises:
        BadInput: if it names no row, one that is not there, or if which rows it means cannot be known.
    """
    if train is None or isinstance(train, str | Path):
        raise BadInput(ROWS_OF_A_PATH)
    clean_rows = require("reweigh.hosts.sklearn.clean_rows", "cli")
    x, y = train if isinstance(train, tuple) else (train, None)
    count = len(next(iter(x.values())) if isinstance(x, dict) else collected(x))
    try:
        rows = clean_rows.named_rows(_listed(clean), count, X=x if is_pandas(x) else None, y=y)
    except BadInput as mistake:
        said = str(mistake).replace(
            "the checked rows themselves as X_clean= and y_clean=", "a frame of the checked rows"
        )
        said = said.replace("the rows themselves as X_clean= and y_clean=", "the checked rows themselves")
        said = said.replace("X.index", "train.index").replace("neither X nor y comes", "the training data do not come")
        raise BadInput(re.sub(r"\bX\b", "the training data", said)) from None
    mask = np.zeros(count, dtype=bool)
    mask[rows] = True
    return mask


def rows_of_source(clean: Any, count: int) -> Any:
    """(M,) row numbers of a source of `count` examples, of a mask (N,) or of row numbers.

    Raises:
        BadInput: if it is neither.
    """
    said = np.asarray(_listed(clean))
    if said.dtype == bool and said.shape == (count,):
        return np.flatnonzero(said)
    if said.ndim != 1 or said.dtype.kind not in "iu" or not said.size or said.min() < 0 or said.max() >= count:
        raise BadInput(
            f"clean= names no rows of the {count:,} of the source: give another source, a mask of {count:,}, or row numbers"
        )
    return said


def _listed(clean: Any) -> Any:
    """A set or a range as a list; a tensor as an array; a series of one as it is, since its index counts."""
    if isinstance(clean, set | frozenset):
        return sorted(clean)
    return off_device(clean)
