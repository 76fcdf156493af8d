"""The cells of a table as words, numbers or days.

A CSV file holds nothing but text and a Parquet file has types, and the two may be mixed: train.parquet beside checked.csv.
So every column goes through one of three functions here, that take either. Missing is missing in both: a null, an empty
cell, "NA", "?", and the other spellings of `MISSING`. A text that starts with "=" is a text: nothing is evaluated.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ...errors import require

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

MISSING_LABEL = ("", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NAN", "NULL", "null")
"""Cells that hold no label; "None" and "?" may be the name of a class."""

MISSING = (*MISSING_LABEL, "?", "None", "none", "-", "-nan", "-NaN")
"""Cells that hold no value."""

DATES = ("iso", "iso zone", "%Y/%m/%d", "%Y/%m/%d %H:%M:%S", "%d.%m.%Y", "%d.%m.%Y %H:%M", "%m/%d/%Y", "%d/%m/%Y",
         "%m/%d/%Y %H:%M", "%d/%m/%Y %H:%M", "%Y%m%dT%H%M%S")  # fmt: skip
"""The formats in which dates are known, the first that fits all values first."""

THOUSANDS = "1,000"
"""Commas between thousands, as a way to write numbers."""

_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_MICROSECONDS_A_DAY = 86_400_000_000


class Numbers(NamedTuple):
    """(N,) numbers with NaN where one is missing, and where a cell holds something that is no number."""

    values: FloatArray
    strays: BoolArray


def is_text(column: Any) -> bool:
    """Whether an Arrow array holds words: text (also as a dictionary) or truth values."""
    kinds = require("pyarrow.types", "cli")
    kind = column.type.value_type if kinds.is_dictionary(column.type) else column.type
    return bool(
        kinds.is_boolean(kind) or kinds.is_string(kind) or kinds.is_large_string(kind) or kinds.is_string_view(kind)
    )


def is_usable(column: Any) -> bool:
    """Whether an Arrow array holds words, numbers, truth values or times; lists, structures and bytes are not usable."""
    kinds = require("pyarrow.types", "cli")
    return is_text(column) or not (
        kinds.is_nested(column.type)
        or kinds.is_binary(column.type)
        or kinds.is_large_binary(column.type)
        or kinds.is_fixed_size_binary(column.type)
        or kinds.is_dictionary(column.type)
    )


def is_time(column: Any) -> bool:
    """Whether an Arrow array holds dates or instants."""
    kinds = require("pyarrow.types", "cli")
    return bool(kinds.is_date(column.type) or kinds.is_timestamp(column.type))


def as_words(column: Any, missing: tuple[str, ...] = MISSING) -> Any:
    """An Arrow string array: trimmed, null where missing; truth values are "true" and "false" however they were spelled."""
    pa, compute = require("pyarrow", "cli"), require("pyarrow.compute", "cli")
    if is_text(column):
        words = compute.utf8_trim_whitespace(column.cast(pa.string()))
        truths = compute.is_in(words, value_set=pa.array(["True", "TRUE", "False", "FALSE"]))
        if compute.any(truths).as_py():
            words = compute.if_else(truths, compute.utf8_lower(words), words)
    else:
        words = column.cast(pa.string())
    absent = compute.is_in(words, value_set=pa.array(missing, pa.string()))
    return compute.if_else(absent, pa.scalar(None, pa.string()), words)


def as_numbers(column: Any, decimal: str = ".") -> Numbers:
    """The column as float64; a cell that is no number is NaN and a stray.

    `decimal` says how numbers are written: "." as 1234.5, "," as 1234,5, and THOUSANDS as 1,234.5.
    """
    pa, compute = require("pyarrow", "cli"), require("pyarrow.compute", "cli")
    if not is_text(column):
        values = _plain(column.cast(pa.float64(), safe=False))
        return Numbers(values, np.zeros(len(values), dtype=bool))
    words = as_words(column)
    if decimal == ",":
        words = compute.replace_substring_regex(words, pattern=r"^([+-]?\d*),(\d+)$", replacement=r"\1.\2")
    if decimal == THOUSANDS:
        grouped = compute.match_substring_regex(words, r"^[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d*)?$")
        words = compute.if_else(grouped, compute.replace_substring(words, ",", ""), words)
    try:
        return Numbers(_plain(words.cast(pa.float64())), np.zeros(len(words), dtype=bool))
    except pa.ArrowInvalid:
        fits = compute.match_substring_regex(words, _NUMBER)
        unsigned = compute.utf8_ltrim(words, characters="+")
        values = _plain(compute.if_else(fits, unsigned, pa.scalar(None, pa.string())).cast(pa.float64()))
        strays = compute.invert(compute.fill_null(fits, True))
        return Numbers(values, np.asarray(strays.to_numpy(zero_copy_only=False), dtype=bool))


def as_days(column: Any, layout: str) -> Numbers:
    """Dates as days since 1970, with fractions; a cell that is no date of this layout is NaN and a stray."""
    pa, compute = require("pyarrow", "cli"), require("pyarrow.compute", "cli")
    if is_time(column):
        return Numbers(_days(column), np.zeros(len(column), dtype=bool))
    words = as_words(column)
    if layout.startswith("%"):
        found = compute.strptime(words, format=layout, unit="us", error_is_null=True)
    else:
        found = _iso(words, pa.timestamp("us", "UTC" if layout == "iso zone" else None))
    strays = compute.and_(compute.is_null(found), compute.is_valid(words))
    return Numbers(_days(found), np.asarray(strays.to_numpy(zero_copy_only=False), dtype=bool))


def _iso(words: Any, kind: Any) -> Any:
    pa = require("pyarrow", "cli")
    try:
        return words.cast(kind)
    except pa.ArrowInvalid:  # some cell is no date: find out which, one by one
        return pa.array([_one(word, kind) for word in words], kind)


def _one(word: Any, kind: Any) -> Any:
    try:
        return word.cast(kind).as_py()
    except ValueError:  # pyarrow's ArrowInvalid is one
        return None


def _days(column: Any) -> FloatArray:
    pa = require("pyarrow", "cli")
    ticks = column.cast(pa.timestamp("us"), safe=False).cast(pa.int64())
    return _plain(ticks.cast(pa.float64(), safe=False)) / _MICROSECONDS_A_DAY


def _plain(column: Any) -> FloatArray:
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.float64)
