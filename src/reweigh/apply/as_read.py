"""Cells of several files in one, so that each is read there as it was in its own.

The checked file may write 1.5 where the training file has 1,5, TRUE where that has 1, or hold dates with a type. Read by
itself it is understood; mixed with rows of the training file it would not be, or as other numbers.
"""

from typing import Any

import numpy as np

from reweigh.arrow import compute, kinds, pa
from reweigh.data.own.decided import Plan
from reweigh.data.own.numerals import STYLES, as_numbers
from reweigh.data.own.other_file import numbers_like
from reweigh.data.own.values import is_text, is_time, is_usable

_HOUR, _MINUTE = 3_600_000_000, 60_000_000


def respelled(column: Any, plan: Plan) -> Any:
    """A whole column of text, in which numbers that its file writes otherwise are written as the training file does."""
    if plan["kind"] != "number" or not is_text(column):
        return column
    style, unit = plan["decimal"], plan.get("unit", "")
    found, _ = numbers_like(column, style, unit, plan["mean"], plan["deviation"])
    other = np.isfinite(found.values) & (found.values != as_numbers(column, style, unit).values)
    return pa.array(
        [
            _number(number, style, unit) if new else cell
            for number, new, cell in zip(found.values.tolist(), other.tolist(), _text(column).to_pylist(), strict=True)
        ],
        pa.string(),
    )


def as_text(column: Any, plan: Plan | None) -> Any:
    """A column of any type as text, in the way of the training file's column; what no cell can hold is missing."""
    if not is_usable(column):
        return pa.nulls(len(column), pa.string())
    if is_time(column):
        return _times(column, plan["layout"] if plan is not None and plan["kind"] == "date" else "iso")
    if (
        is_text(column)
        or plan is None
        or plan["kind"] != "number"
        or (plan["decimal"], plan.get("unit")) == (".", None)
    ):
        return _text(column)
    values = as_numbers(column).values.tolist()
    return pa.array(
        [None if value != value else _number(value, plan["decimal"], plan.get("unit", "")) for value in values],
        pa.string(),
    )


def _text(column: Any) -> Any:
    return column.cast(pa.string())


def _number(value: float, style: str, unit: str) -> str:
    """All digits of a number, with the decimal sign and the unit of its column."""
    text = repr(value).removesuffix(".0").replace(".", STYLES[style][1])
    return f"{text} {unit}" if unit else text


def _times(column: Any, layout: str) -> Any:
    if kinds.is_duration(column.type):
        spans = column.cast(pa.duration("us"), safe=False).cast(pa.int64()).to_pylist()
        return pa.array([None if span is None else _span(span, layout) for span in spans], pa.string())
    if kinds.is_time(column.type):
        return _text(column)
    instants = column.cast(pa.timestamp("us"), safe=False)
    if layout.startswith("%"):
        return compute.strftime(instants.cast(pa.timestamp("s"), safe=False), format=layout)
    return compute.binary_join_element_wise(_text(instants), "Z" if layout == "iso zone" else "", "")


def _span(microseconds: int, layout: str) -> str:
    sign, size = "-" * (microseconds < 0), abs(microseconds)
    hours, minutes, seconds = size // _HOUR, size % _HOUR // _MINUTE, size % _MINUTE / 1e6
    return (
        f"{sign}{hours}:{minutes:02d}:{seconds:09.6f}"
        if layout == "time"
        else f"{sign}PT{hours}H{minutes}M{seconds:f}S"
    )
