"""The cells of a table as words.

A CSV file holds nothing but text and a Parquet file has types, and the two may be mixed: train.parquet beside checked.csv.
So every column goes through functions that take either: words here, numbers in `numerals`, dates and times in `days`.
Missing is missing in all: a null, an empty cell, "NA", "?", and the other spellings of `MISSING`. A text that starts with
"=" is a text: nothing is evaluated.
"""

from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt

from ...arrow import compute, kinds, pa

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

MISSING_LABEL = ("", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NAN", "NULL", "null")
"""Cells that hold no label; "None" and "?" may be the name of a class."""

MISSING = (*MISSING_LABEL, "?", "None", "none", "-", "-nan", "-NaN")
"""Cells that hold no value."""

_SAYINGS = (
    "unknown unk unknwn missing undefined unspecified undetermined nil none null nan na n.a. n.a n/a not_available "
    "unavailable nodata no_data not_known not_applicable not_given not_recorded not_specified no_answer tbd tba "
    "unbekannt k.a. keine_angabe inconnu desconocido sconosciuto onbekend "
    "#ref! #value! #div/0! #num! #name? #null! #n/a . .. ... … - -- --- – — * ** ? ?? ??? $null$ (null) <null> []"
)
UNKNOWN = frozenset(_SAYINGS.split())
"""Words that say among numbers that there is none, in small letters and with _ for a space."""


def is_unknown(word: str) -> bool:
    """Whether a word among numbers says that there is none."""
    return word.strip().casefold().replace(" ", "_") in UNKNOWN


def is_text(column: Any) -> bool:
    """Whether an Arrow array holds words: text (also as a dictionary) or truth values."""
    kind = column.type.value_type if kinds.is_dictionary(column.type) else column.type
    return bool(
        kinds.is_boolean(kind) or kinds.is_string(kind) or kinds.is_large_string(kind) or kinds.is_string_view(kind)
    )


def is_usable(column: Any) -> bool:
    """Whether an Arrow array holds words, numbers, truth values or times; lists, structures and bytes are not usable."""
    kind = column.type
    return (
        is_text(column)
        or is_time(column)
        or bool(kinds.is_integer(kind) or kinds.is_floating(kind) or kinds.is_decimal(kind) or kinds.is_null(kind))
    )


def is_blank(column: Any) -> bool:
    """Whether an Arrow array has no value at all, of whatever type; NaN is none."""
    if column.null_count == len(column):
        return True
    return bool(kinds.is_floating(column.type) and compute.all(compute.is_nan(column)).as_py())


def is_time(column: Any) -> bool:
    """Whether an Arrow array holds dates, instants, times of the day or durations."""
    return bool(
        kinds.is_date(column.type)
        or kinds.is_timestamp(column.type)
        or kinds.is_time(column.type)
        or kinds.is_duration(column.type)
    )


def as_words(column: Any, missing: tuple[str, ...] = MISSING) -> Any:
    """An Arrow string array: trimmed, null where missing; truth values are "true" and "false" however they were spelled."""
    if is_text(column):
        words = compute.utf8_trim_whitespace(column.cast(pa.string()))
        truths = compute.is_in(words, value_set=pa.array(["True", "TRUE", "False", "FALSE"]))
        if compute.any(truths).as_py():
            words = compute.if_else(truths, compute.utf8_lower(words), words)
    elif kinds.is_duration(column.type):
        words = column.cast(pa.int64()).cast(pa.string())
    elif kinds.is_decimal(column.type):  # 1.10 and 1.1 are one number
        words = compute.replace_substring_regex(
            column.cast(pa.string()), pattern=r"\.0*$|(\.\d*[1-9])0+$", replacement=r"\1"
        )
    else:
        words = column.cast(pa.string())
    absent = compute.is_in(words, value_set=pa.array(missing, pa.string()))
    return compute.if_else(absent, pa.scalar(None, pa.string()), words)


def different(words: Any) -> tuple[Any, npt.NDArray[np.int64]]:
    """The different words in order of appearance, and how often each stands there; nulls are left out."""
    counts = compute.value_counts(words.drop_null())
    return counts.field(0), np.asarray(counts.field(1).to_numpy(zero_copy_only=False), dtype=np.int64)


def spelled_missing(column: Any, words: Any) -> dict[str, int]:
    """The cells of `column` that are null among its `words` though something stands there, by what that is."""
    if not is_text(column) or words.null_count == column.null_count:
        return {}
    gone = compute.utf8_trim_whitespace(column.filter(compute.is_null(words)).cast(pa.string()).drop_null())
    found = Counter(dict(zip(*(part.tolist() for part in _lists(gone)), strict=True)))
    found.pop("", None)
    return dict(found.most_common())


def _lists(words: Any) -> tuple[Any, Any]:
    values, counts = different(words)
    return np.asarray(values.to_pylist(), dtype=object), counts


def one_spelling(keys: Any) -> Any:
    """Names that are whole numbers throughout lose the ".0" that a gap in another file's column gave them."""
    if compute.all(compute.match_substring_regex(keys, r"^\d+\.0+$")).as_py():
        return compute.replace_substring_regex(keys, pattern=r"\.0+$", replacement="")
    return keys
