"""Columns of numbers: what of them is learned from, and how they were read."""

from typing import Any

import numpy as np

from ...arrow import compute
from ...words import counted, shown
from .decided import Decision, dropped, missing_note, scaled
from .numerals import EXACT, STYLES, Written, as_numbers, check_size, says_two_things
from .values import FloatArray, as_words, different, spelled_missing

_NAMELIKE = 0.9


def leading_zero(words: Any) -> str | None:
    """A cell such as "00123": a name of digits."""
    zeros = words.filter(compute.starts_with(words, "0"))
    found = zeros.filter(compute.match_substring_regex(zeros, r"^0\d+$")) if len(zeros) else zeros
    return str(found[0]) if len(found) else None


def of_typed(name: str, column: Any, where: str) -> Decision | None:
    """A column that has a type of numbers; None where they are names, since float64 cannot tell them apart."""
    values = as_numbers(column).values
    check_size(values, name, where)
    return _decision(name, column, values, {}, {"kind": "number"}, [])


def of_numbers(
    name: str, column: Any, words: Any, plain: FloatArray | None, written: Written | None, where: str
) -> Decision | None:
    """A column of text that is numbers: all of them `plain` to read, or as they are `written`; or None, as above."""
    told: dict[str, Any] = {"kind": "number"}
    more: dict[str, Any] = {"decimal": ".", "lenient": False}
    notes, gone = list[str](), spelled_missing(column, words)
    if plain is not None:
        either = says_two_things(words)
        if either is not None:
            notes.append(_either(name, either))
            told["ambiguous"] = either[0]
        check_size(plain, name, where)
        return _finished(name, column, words, plain, more, told, gone, notes)
    assert written is not None
    more = {"decimal": written.style, "lenient": bool(written.strays)}
    if written.unit:
        more["unit"] = told["unit"] = written.unit
    values = as_numbers(column, written.style, written.unit).values
    check_size(values, name, where)
    told["written"] = STYLES[written.style][0] + "0" + STYLES[written.style][1]
    if written.either is not None:
        told["ambiguous"] = written.either[0]
        notes.append(_either(name, written.either))
    elif written.style != "." or written.unit:
        notes.append(
            f"column {shown(name)} is read as numbers, {shown(written.longest[0])} as {_plain(written.longest[1])}"
        )
    if written.turned:
        told["negative"] = written.turned
        notes.append(
            f"column {shown(name)} has {counted(written.turned, 'cell')} such as (5) or 5-, read as below zero"
        )
    gone = dict(written.strays) | gone if written.strays else gone
    return _finished(name, column, words, values, more, told, gone, notes)


def _finished(
    name: str, column: Any, words: Any, values: FloatArray, more: dict[str, Any], told: dict[str, Any],
    gone: dict[str, int], notes: list[str],
) -> Decision | None:  # fmt: skip
    if gone:
        told["missing_words"] = gone
        notes.append(missing_note(name, "numbers", gone))
    return _decision(name, words, values, more, told, notes)


def _decision(
    name: str, column: Any, values: FloatArray, more: dict[str, Any], told: dict[str, Any], notes: list[str]
) -> Decision | None:
    numbers = values[np.isfinite(values)]
    missing = numbers.size < len(values)
    if not numbers.size:
        return dropped(name, "it has no value in any row")
    least, most = float(numbers.min()), float(numbers.max())
    whole = bool((numbers == np.floor(numbers)).all())
    if whole and max(abs(least), abs(most)) > EXACT:
        words, counts = different(as_words(column))
        if len(words) > _NAMELIKE * int(counts.sum()):
            return dropped(name, "it holds whole numbers beyond 2^53, different in almost every row, as names are")
        if np.unique(numbers).size < len(words):
            return None
    if least == most and not missing:
        return dropped(name, "it is the same in every row")
    if whole and not missing and numbers.size > 2 and bool((np.diff(numbers) == 1).all()):
        return dropped(name, "it numbers the rows")
    told["missing"] = int(values.size - numbers.size)
    plan = scaled(name, "number", numbers, missing) | {"decimal": ".", "lenient": False} | more
    return Decision(plan, tuple(notes), told)


def _either(name: str, either: tuple[str, float, float]) -> str:
    cell, read, other = either
    return (
        f"column {shown(name)} is read as numbers, {shown(cell)} as {_plain(read)}, though it could be {_plain(other)}"
    )


def _plain(number: float) -> str:
    return f"{number:.12g}"
