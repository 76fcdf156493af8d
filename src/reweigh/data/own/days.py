"""The cells of a table as days: dates since 1970, times of the day and durations as fractions of one.

A format is tried by its shape first: the C library would take "01/02/20" for the year 20, and 31 February for 2 March.
"""

import re
from typing import Any

import numpy as np

from ...arrow import compute, kinds, pa
from .bare import floats
from .numerals import Numbers
from .values import FloatArray, as_words, is_time

_DAYS = ("%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%d.%m.%y", "%m/%d/%Y", "%d/%m/%Y", "%m-%d-%Y", "%d-%m-%Y", "%m/%d/%y",
         "%d/%m/%y", "%d %b %Y", "%d %B %Y", "%d-%b-%Y", "%d-%b-%y", "%b %d, %Y", "%B %d, %Y")  # fmt: skip
_CLOCKS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")

DATES = ("iso", "iso zone", *(day + clock for day in _DAYS for clock in _CLOCKS), "%Y%m%dT%H%M%S", "time", "duration")
"""The formats in which dates and times are known, the first that fits all values first."""

_SHAPES = {"d": r"\d{1,2}", "m": r"\d{1,2}", "Y": r"\d{4}", "y": r"\d{2}", "H": r"\d{1,2}", "I": r"\d{1,2}", "M": r"\d{2}",
           "S": r"\d{2}", "p": r"[AaPp][Mm]", "b": r"[A-Za-z]{3}", "B": r"[A-Za-z]{3,9}"}  # fmt: skip
_SHORT = r"(?P<minutes>[0-5]\d)"
_SECONDS = r"(?P<seconds>[0-5]\d(?:\.\d+)?)"
_CLOCK = rf"^(?P<sign>-?)(?P<hours>\d{{1,4}}):{_SHORT}(?::{_SECONDS})?$"
_HALVES = rf"^(?P<sign>)(?P<hours>0?[1-9]|1[0-2]):{_SHORT}(?::{_SECONDS})? ?(?P<half>[AaPp])[Mm]$"
_LONG = rf"^(?P<sign>-?)(?P<days>\d+) days?(?:,? \+?(?P<hours>\d{{1,2}}):{_SHORT}:{_SECONDS})?$"
_ISO_TIME = r"(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
_ISO_LONG = rf"^(?P<sign>-?)P(?:(?P<days>\d+)D)?{_ISO_TIME}$"
_ISO = r"^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d.*)?$"
_IN_DAYS = {"days": 1.0, "hours": 1 / 24, "minutes": 1 / 1440, "seconds": 1 / 86_400}
_MICROSECONDS_A_DAY = 86_400_000_000


def as_days(column: Any, layout: str) -> Numbers:
    """The cells as days with fractions; a cell that is no date or time of this layout is NaN and a stray."""
    if is_time(column):
        return Numbers(_typed(column), np.zeros(len(column), dtype=bool))
    words = as_words(column)
    if layout in ("time", "duration"):
        values = _parts(words, (_CLOCK, _HALVES) if layout == "time" else (_LONG, _ISO_LONG))
    elif layout.startswith("%"):
        values = _formatted(words, layout)
    else:
        values = _ticks(_iso(words, pa.timestamp("us", "UTC" if layout == "iso zone" else None)))
    strays = np.isnan(values) & np.asarray(compute.is_valid(words).to_numpy(zero_copy_only=False), dtype=bool)
    return Numbers(values, strays)


def layout_of(column: Any) -> str:
    """The layout in which a text says what a column with a type of times does, for files that hold it as text."""
    kind = column.type
    if kinds.is_duration(kind):
        return "duration"
    if kinds.is_time(kind):
        return "time"
    return "iso zone" if kinds.is_timestamp(kind) and kind.tz is not None else "iso"


def _formatted(words: Any, layout: str) -> FloatArray:
    parts = re.split(r"%(\w)", layout)  # text and letters by turns
    shape = "".join(_SHAPES[part] if place % 2 else re.escape(part) for place, part in enumerate(parts))
    right = compute.match_substring_regex(words, f"^{shape}$")
    if not compute.any(right).as_py():  # as it is with most of the many layouts
        return np.full(len(words), np.nan)
    found = compute.strptime(
        compute.if_else(right, words, pa.scalar(None, pa.string())), format=layout, unit="us", error_is_null=True
    )
    day = compute.extract_regex(words, "^" + _with_day(parts) + "$")
    said = compute.struct_field(day, 0).cast(pa.int64())
    real = compute.equal(compute.day(found), said)  # no 31 February
    return _ticks(compute.if_else(real, found, pa.scalar(None, found.type)))


def _with_day(parts: list[str]) -> str:
    shapes = [_SHAPES[part] if place % 2 else re.escape(part) for place, part in enumerate(parts)]
    shapes = [f"(?P<day>{shape})" if place % 2 and parts[place] == "d" else shape for place, shape in enumerate(shapes)]
    return "".join(shapes)


def _iso(words: Any, kind: Any) -> Any:
    try:
        return words.cast(kind)
    except pa.ArrowInvalid:  # some cell is no date: those that do not look like one, or else one by one
        looks = compute.match_substring_regex(words, _ISO)
        words = compute.if_else(looks, words, pa.scalar(None, pa.string()))
    try:
        return words.cast(kind)
    except pa.ArrowInvalid:
        return pa.array([_one(word, kind) for word in words], kind)


def _one(word: Any, kind: Any) -> Any:
    try:
        return word.cast(kind).as_py()
    except ValueError:  # pyarrow's ArrowInvalid is one
        return None


def _parts(words: Any, patterns: tuple[str, ...]) -> FloatArray:
    """Days, hours, minutes and seconds of each word, by the first of the patterns that fits it."""
    total = np.full(len(words), np.nan)
    for pattern in patterns:
        found = compute.extract_regex(words, pattern)
        found = found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found
        days = np.zeros(len(words))
        for place, name in enumerate(re.findall(r"\?P<(\w+)>", pattern)):
            cells = compute.struct_field(found, place)
            if name == "half":  # 12:30 am is half an hour
                days = days % 0.5 + 0.5 * np.isin(cells.to_numpy(zero_copy_only=False), ("p", "P"))
            elif name != "sign":
                filled = compute.if_else(compute.equal(cells, ""), "0", cells)
                days = days + floats(filled.cast(pa.float64())) * _IN_DAYS[name]
        minus = compute.fill_null(compute.equal(compute.struct_field(found, 0), "-"), False)
        signed = np.where(np.asarray(minus.to_numpy(zero_copy_only=False), dtype=bool), -days, days)
        total = np.where(np.isnan(total), signed, total)
    return total


def _typed(column: Any) -> FloatArray:
    kind = column.type
    if kinds.is_duration(kind) or kinds.is_time(kind):
        a_day = 86_400 * {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[kind.unit]
        whole = column.cast(pa.int32()) if kinds.is_time32(kind) else column
        return floats(whole.cast(pa.int64()).cast(pa.float64(), safe=False)) / a_day
    return _ticks(column)


def _ticks(column: Any) -> FloatArray:
    ticks = column.cast(pa.timestamp("us"), safe=False).cast(pa.int64())
    return floats(ticks.cast(pa.float64(), safe=False)) / _MICROSECONDS_A_DAY
