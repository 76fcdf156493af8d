"""From what was seen of each column to what is done with it.

A plan is a dictionary that JSON can hold, one a column kept:

    {"name": "age",  "kind": "number", "mean": 38.6, "deviation": 13.6, "missing": true, "decimal": ".", "lenient": false}
    {"name": "seen", "kind": "date", "layout": "iso", "mean": 17897.0, "deviation": 200.5, "missing": false}
    {"name": "work", "kind": "category", "values": ["Private", "State-gov", ...]}

`missing` gives a column of ones and zeros beside the numbers; `lenient` says that a few words stood among the training
file's numbers, so that words are missing values in other files too, and not mistakes.
"""

from typing import Any, NamedTuple

from .profile import EXACT, Profile
from .words import counted, shown

Plan = dict[str, Any]

MOST_CATEGORIES = 1000
"""The categories of one column that get a code of their own, the most frequent ones."""

_NAMELIKE = 0.9  # as many different values a row, and a column names rows
_STRAYS = 0.05  # a smaller share of words leaves a column numeric


class Decision(NamedTuple):
    """What becomes of a column: a plan, or None where it is left out; and a sentence where the user should know."""

    plan: Plan | None
    note: str | None


def decide(seen: Profile) -> Decision:
    """Number, date, category, or nothing to learn from."""
    if not seen.usable:
        return _dropped(seen, "it holds lists, structures or bytes")
    if not seen.present:
        return _dropped(seen, "it has no value in any row")
    if seen.timed:
        return _date(seen)
    if seen.stray_count <= _STRAYS * seen.present:
        return _number(seen)
    return _date(seen) if seen.dates else _category(seen)


def _number(seen: Profile) -> Decision:
    numbers, missing = seen.numbers, seen.present < seen.rows
    if numbers.least == numbers.most and not missing and not seen.stray_count:
        return _dropped(seen, "it is the same in every row")
    if numbers.whole and numbers.counts_up and not missing and numbers.count > 2:
        return _dropped(seen, "it numbers the rows")
    if numbers.whole and max(abs(numbers.least), abs(numbers.most)) > EXACT and _different(seen) > _NAMELIKE:
        return _dropped(seen, "it holds whole numbers beyond 2^53, different in almost every row, as names are")
    note = None
    if seen.stray_count:
        examples = ", ".join(shown(word) for word in list(seen.strays)[:3])
        cells = counted(seen.stray_count, "cell")
        note = f"column {shown(seen.name)} is taken as numbers; {cells} with words ({examples}) count as missing"
    plan = _scaled(seen, "number", numbers.mean, numbers.deviation, missing or seen.stray_count > 0)
    return Decision(plan | {"decimal": seen.decimal, "lenient": seen.stray_count > 0}, note)


def _date(seen: Profile) -> Decision:
    layout, days = next(iter(seen.dates.items()))
    missing, note = seen.present < seen.rows, None
    if days.least == days.most and not missing:
        return _dropped(seen, "it is the same in every row")
    if layout.startswith("%m/%d") and layout.replace("%m/%d", "%d/%m") in seen.dates:
        note = f"the dates of column {shown(seen.name)} fit month/day and day/month alike and are read as month/day"
    return Decision(_scaled(seen, "date", days.mean, days.deviation, missing) | {"layout": layout}, note)


def _category(seen: Profile) -> Decision:
    if len(seen.words) == 1 and seen.present == seen.rows:
        return _dropped(seen, "it is the same in every row")
    if _different(seen) > _NAMELIKE and seen.present > 2:
        return _dropped(seen, "it is different in almost every row, as names and free text are")
    if _different(seen) > 0.5 and seen.length > 100:
        return _dropped(seen, "it is free text, and --text would learn from it alone")
    values = sorted(word for word, _ in sorted(seen.words.items(), key=_by_frequency)[:MOST_CATEGORIES])
    note = None
    if len(seen.words) > MOST_CATEGORIES:
        note = f"column {shown(seen.name)} has many categories: the {MOST_CATEGORIES} most frequent are told apart"
    return Decision({"name": seen.name, "kind": "category", "values": values}, note)


def _different(seen: Profile) -> float:
    """Different words a row."""
    return len(seen.words) / seen.present if seen.overflow is None else 1 / seen.overflow


def _by_frequency(item: tuple[str, int]) -> tuple[int, str]:
    return -item[1], item[0]


def _scaled(seen: Profile, kind: str, mean: float, deviation: float, missing: bool) -> Plan:
    return {"name": seen.name, "kind": kind, "mean": mean, "deviation": deviation, "missing": missing}


def _dropped(seen: Profile, why: str) -> Decision:
    return Decision(None, f"column {shown(seen.name)} is not learned from: {why}")
