"""Targets as they stand in a file: words that name classes, numbers, or several labels at once.

A class may be written "1" in one file and 1.0 in the next, because pandas turned whole numbers with a gap into
floats; "True" and "true" are one class too. Words are brought to one spelling here, and nowhere else.
"""

import re
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ...arrow import compute
from ...errors import BadInput
from ...tasks.targets import Words
from ...words import shown
from .numerals import LARGEST, Numbers, as_numbers, find_written
from .rows import Rows
from .values import MISSING_LABEL, BoolArray, as_words, is_text, is_time, is_usable

SEPARATORS = (";", "|")

_WHOLE_FLOAT = re.compile(r"^([+-]?\d+)\.0*$")
_YES, _NO = ("1", "true", "yes", "y", "t"), ("0", "false", "no", "n", "f")


def as_classes(column: Any) -> Words:
    """The cells as names of classes, in one spelling."""
    cells = as_words(column, MISSING_LABEL)
    coded = compute.dictionary_encode(cells)
    found = [_one_spelling(word) for word in coded.dictionary.to_pylist()]
    values = list(dict.fromkeys(found))
    place = {word: code for code, word in enumerate(values)}
    to_code = np.array([place[word] for word in found] + [-1], dtype=np.int64)
    codes = np.asarray(compute.fill_null(coded.indices, len(found)).to_numpy(zero_copy_only=False), dtype=np.int64)
    return Words(to_code[codes], values)


class Style(NamedTuple):
    """How a file writes the numbers of a target: one of `numerals.STYLES`, and a unit."""

    style: str = "."
    unit: str = ""


def style_of(column: Any) -> Style:
    """How the cells write numbers, where not all are written as programs do."""
    if not is_text(column) or not as_numbers(column).strays.any():
        return Style()
    found = find_written(as_words(column))
    return Style(found.style, found.unit)


def numbers_in(column: Any) -> Numbers:
    """The cells as numbers, as programs write them; or in their own way, if that makes numbers of all."""
    found = as_numbers(column)
    if found.strays.any() and is_text(column):
        other = as_numbers(column, *style_of(column))
        return found if other.strays.any() else other
    return found


def checked_numbers(found: Numbers, column: Any, name: str, where: str) -> npt.NDArray[np.float64]:
    """The numbers of a target, once each is one.

    Raises:
        BadInput: naming the first cell that is no number, or that is infinite.
    """
    wrong = np.flatnonzero(found.strays | (np.abs(np.nan_to_num(found.values, nan=0.0)) > LARGEST))
    if wrong.size:
        row = int(wrong[0])
        raise BadInput(
            f"row {row} of {where} has {shown(column[row])} in the target {shown(name)}, which is no number to learn: "
            "correct it, or learn classes with --task classification"
        )
    return found.values


def as_flags(
    column: Any, name: str, where: str, remedy: str = "correct it, or name another column"
) -> npt.NDArray[np.float64]:
    """Cells that say yes or no as ones and zeros, NaN where missing.

    Raises:
        BadInput: naming the first cell that says something else, and the `remedy`.
    """
    codes, values = as_classes(column)
    said = [1.0 if word.casefold() in _YES else 0.0 if word.casefold() in _NO else np.inf for word in values]
    flags = np.array([*said, np.nan])[codes]
    wrong = np.flatnonzero(np.isinf(flags))
    if wrong.size:
        row = int(wrong[0])
        raise BadInput(
            f"row {row} of {where} has {shown(column[row])} in column {shown(name)}, where 1/0, true/false or yes/no "
            f"is expected: {remedy}"
        )
    return flags


def several(column: Any) -> tuple[npt.NDArray[np.int64], list[frozenset[str]]]:
    """Cells that hold labels between ";" or "|": (N,) codes into the different sets; an empty cell is the empty set."""
    codes, values = as_classes(column)
    sets = [frozenset(_one_spelling(part) for part in split(word)) for word in values]
    return np.where(codes < 0, len(sets), codes), [*sets, frozenset()]


def split(cell: str) -> list[str]:
    """The labels of one cell, trimmed."""
    return [part.strip() for part in re.split(r"[;|]", cell) if part.strip()]


def is_missing(rows: Rows) -> BoolArray:
    """(N,) which rows lack a target, or one of several."""
    missing = np.zeros(len(rows), dtype=bool)
    for column in rows.targets:
        if not is_text(column) and not is_time(column):
            missing |= np.isnan(as_numbers(column).values)
        else:
            nulls = compute.is_null(as_words(column, MISSING_LABEL))
            missing |= np.asarray(nulls.to_numpy(zero_copy_only=False), dtype=bool)
    return missing


def check_usable(rows: Rows, names: tuple[str, ...]) -> None:
    """Every target is a column of words, numbers or truth values."""
    for column, name in zip(rows.targets, names, strict=True):
        if not is_usable(column):
            raise BadInput(f"the target {shown(name)} of {rows.where} holds lists or bytes: write labels as a;b;c")


def _one_spelling(word: str) -> str:
    whole = _WHOLE_FLOAT.match(word)
    return whole.group(1) if whole else word
