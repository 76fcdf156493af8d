"""From a whole column to what is done with it: number, date, category, or nothing to learn from.

A plan is a dictionary that JSON can hold, one a column kept:

    {"name": "age",  "kind": "number", "mean": 38.6, "deviation": 13.6, "missing": true, "decimal": ".", "lenient": false}
    {"name": "seen", "kind": "date", "layout": "iso", "mean": 17897.0, "deviation": 200.5, "missing": false}
    {"name": "work", "kind": "category", "values": ["Private", "State-gov", ...]}

`missing` gives a column of ones and zeros beside the numbers; `lenient` says that a few words stood among the training
file's numbers or dates, so that words are missing values in other files too, and not mistakes; `decimal` is how numbers are
written (`numerals.STYLES`), and `unit` what stands with each of them.
"""

from typing import Any

import numpy as np

from ...arrow import compute
from ...errors import BadInput, require
from ...words import counted, shown
from .days import DATES, as_days, layout_of
from .decided import Decision, Plan, dropped, missing_note, scaled
from .free_text import why_left_out
from .numbers_plan import leading_zero, of_numbers, of_typed
from .numerals import find_written, simple
from .values import as_words, different, is_text, is_time, is_unknown, is_usable, spelled_missing

MOST_CATEGORIES = 1000
"""The categories of one column that get a code of their own, the most frequent ones."""


def decide(name: str, column: Any, where: str) -> Decision:
    """What becomes of the column `name` of the file `where`.

    Raises:
        BadInput: a number is infinite or too large, or numbers are written in two ways.
    """
    if not is_usable(column):
        return dropped(name, "it holds lists, structures or bytes")
    if column.null_count == len(column):
        return dropped(name, "it has no value in any row")
    if is_time(column):
        return _date(name, column, [layout_of(column)], {})
    if not is_text(column):
        return of_typed(name, column, where) or _names(name, column, as_words(column), _HUGE)
    plain = simple(column)
    words = as_words(column) if plain is None or np.isnan(plain).any() else column
    if words.null_count == len(words):
        return dropped(name, "it has no value in any row")
    if require("pyarrow.types", "cli").is_dictionary(column.type):  # whoever wrote it says that these are categories
        return _category(name, column, words)
    return _of_text(name, column, words, where)


def _of_text(name: str, column: Any, words: Any, where: str) -> Decision:
    plain, note = simple(words), ""
    zeros = leading_zero(words) if plain is not None else None
    if plain is not None and zeros is None:
        return of_numbers(name, column, words, plain, None, where) or _names(name, column, words, _HUGE)
    if plain is None:
        written = find_written(words)
        if written.zeros is None and _numeric(name, written, len(words) - words.null_count, where):
            found = of_numbers(name, column, words, None, written, where)
            return found or _names(name, column, words, _HUGE)
        zeros = written.zeros if written.alike > 0.5 * (len(words) - words.null_count) else None
        if written.mixed is not None and written.other is None and not written.strays:
            note = f"units differ ({shown(written.mixed)} is one cell)"
    layouts, gone = _layouts(words)
    if layouts:
        return _date(name, column, layouts, gone)
    if zeros is not None:
        note = f"numbers have no zeros in front ({shown(zeros)})"
    return _names(name, column, words, note)


_HUGE = "a float cannot tell whole numbers beyond 2^53 apart"


def _names(name: str, column: Any, words: Any, why: str) -> Decision:
    """Categories, and why they are no numbers though they look like some."""
    found = _category(name, column, words)
    if not why:
        return found
    if found.plan is None:
        return dropped(name, f"{found.why}; {why}")
    return found._replace(notes=(*found.notes, f"column {shown(name)} is taken as words: {why}"))


_STRAYS = 0.05  # a smaller share of words leaves a column numeric, whatever they are
_FEW, _SHARE, _MANY = 3, 0.3, 30  # so do a few different words, at most that share, among more different numbers


def _numeric(name: str, written: Any, present: int, where: str) -> bool:
    """Whether the words among the numbers say that there is none, or are few."""
    others = {word: count for word, count in written.strays.items() if not is_unknown(word)}
    count = sum(others.values())
    few = count <= _STRAYS * present or (
        len(others) <= _FEW and count <= _SHARE * present and written.different > _MANY
    )
    if written.other is not None and written.alike and few:
        raise BadInput(
            f"column {shown(name)} of {where} writes numbers in two ways, {shown(written.longest[0])} and "
            f"{shown(written.other)}: write them all alike, or leave the column out with --drop"
        )
    return bool(written.fits and few and written.mixed is None)


def _layouts(words: Any) -> tuple[list[str], dict[str, int]]:
    """The formats of dates and times that fit the most words, and what does not fit: nothing, sayings of none, or few."""
    values, counts = different(words)
    first, best, fitting = values.slice(0, 20), _STRAYS, list[str]()
    gone: dict[str, int] = {}
    if not compute.any(compute.match_substring_regex(first, r"\d")).as_py():
        return fitting, gone
    for layout in DATES:
        if as_days(first, layout).strays.sum() > len(first) / 2:
            continue
        strays = np.flatnonzero(as_days(values, layout).strays)
        others = dict(zip(values.take(strays[:500]).to_pylist(), counts[strays[:500]].tolist(), strict=True))
        bad = sum(count for word, count in others.items() if not is_unknown(word)) + int(counts[strays[500:]].sum())
        share = bad / int(counts.sum())
        if len(strays) == len(values) or share > best or (share == best and fitting and others != gone):
            continue
        fitting = [*fitting, layout] if fitting and share == best else [layout]
        best, gone = share, others
    return fitting, gone


def _date(name: str, column: Any, layouts: list[str], gone: dict[str, int]) -> Decision:
    layout = layouts[0]
    values = as_days(column, layout).values
    days = values[np.isfinite(values)]
    missing, notes = days.size < len(column), []
    if not days.size:
        return dropped(name, "it has no value in any row")
    if days.min() == days.max() and not missing:
        return dropped(name, "it is the same in every row")
    other = layout.replace("%m/%d", "%d/%m").replace("%m-%d", "%d-%m")
    if other in layouts and other != layout:
        notes.append(f"the dates of column {shown(name)} fit month/day and day/month alike and are read as month/day")
    plan = scaled(name, "date", days, missing) | {"layout": layout}
    told = {"kind": "date", "layout": layout, "missing": int(len(column) - days.size)}
    if gone:
        plan["lenient"], told["missing_words"] = True, gone
        notes.append(missing_note(name, "dates", gone))
    return Decision(plan, tuple(notes), told)


def _category(name: str, column: Any, words: Any) -> Decision:
    values, counts = different(words)
    present, size = int(counts.sum()), len(values)
    if size == 1 and present == len(column):
        return dropped(name, "it is the same in every row")
    if why := why_left_out(size, present, compute.max(compute.utf8_length(values)).as_py()):
        return dropped(name, why)
    told: dict[str, Any] = {"kind": "category", "values": size, "missing": len(column) - present}
    notes = []
    if spelled := spelled_missing(column, words):
        told["missing_words"] = spelled
        notes.append(missing_note(name, "words", spelled))
    kept = _most_frequent(values, counts) if size > MOST_CATEGORIES else values.to_pylist()
    if size > MOST_CATEGORIES:
        told["folded"] = present - int(counts[np.isin(np.asarray(values.to_pylist()), kept)].sum())
        notes.append(
            f"column {shown(name)} has many categories: the {MOST_CATEGORIES} most frequent are told apart, "
            f"{counted(told['folded'], 'cell')} have another"
        )
    return Decision({"name": name, "kind": "category", "values": sorted(kept)}, tuple(notes), told)


def _most_frequent(values: Any, counts: Any) -> list[str]:
    seen = zip(values.to_pylist(), counts.tolist(), strict=True)
    return [word for word, _ in sorted(seen, key=lambda item: (-item[1], item[0]))[:MOST_CATEGORIES]]


__all__ = ["MOST_CATEGORIES", "Decision", "Plan", "decide"]
