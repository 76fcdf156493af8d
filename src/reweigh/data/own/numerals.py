"""How numbers are written, and the numbers.

"1,234" is a thousand here and one and a bit there. Which one a column means is found from all of its cells: the way of
writing that fits the most; where two fit all of them and give different numbers, that is said. Units, currencies, percent
signs and minus signs of book-keepers, "(5)" and "5-", are read as well.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from ...arrow import compute, kinds, pa
from ...errors import BadInput
from ...words import shown
from .bare import BEGINS, INFINITE, allowed, flags, floats, main_unit, split
from .values import BoolArray, FloatArray, as_words, different, is_text, is_time

THOUSANDS = "1,000"
"""Commas between thousands, as a way to write numbers."""

STYLES = {".": ("", "."), THOUSANDS: (",", "."), ",": ("", ","), "1.000,": (".", ","), "1 000.": (" ", "."),
          "1 000,": (" ", ","), "1'000.": ("'", "."), "1'000,": ("'", ",")}  # fmt: skip
"""Ways to write numbers, by what stands between thousands and before decimals; of two that fit alike the first is taken."""

LARGEST = 1e30
"""Numbers beyond are refused: their squares would leave float64's neighbourhood of usefulness."""

EXACT = float(2**53)
"""Whole numbers beyond lose digits in float64."""


class Numbers(NamedTuple):
    """(N,) numbers with NaN where one is missing, and where a cell holds something that is no number."""

    values: FloatArray
    strays: BoolArray


@dataclass
class Written:
    """How the numbers of a column are written; the attributes are for who decides what the column is.

    Attributes:
        style: one of `STYLES`; `unit` what stands with every number, "" for none (a currency may be left out).
        fits: cells that are numbers so written; `alike` those that are numbers in some way.
        strays: words that are no numbers at all, with how often each stands there.
        different: different words that fit; `longest` is the longest of them and the number that it is.
        other: a cell written in another way than `style`; `mixed` one with another unit.
        either: where another style, the `rival`, fits as many cells with other numbers, one such cell and its two readings.
        zeros: a cell such as "00123", which is a name rather than a number.
        turned: cells whose minus is "(5)" or "5-".
    """

    style: str = "."
    unit: str = ""
    fits: int = 0
    alike: int = 0
    strays: dict[str, int] = field(default_factory=dict)
    different: int = 0
    longest: tuple[str, float] = ("", 0.0)
    other: str | None = None
    mixed: str | None = None
    either: tuple[str, float, float] | None = None
    rival: str = ""
    zeros: str | None = None
    turned: int = 0


def as_numbers(column: Any, style: str = ".", unit: str = "") -> Numbers:
    """The column as float64, written in this style and with this unit; a cell that is no such number is NaN and a stray."""
    if is_time(column):
        return Numbers(np.full(len(column), np.nan), np.asarray(column.is_valid(), dtype=bool))
    if not is_text(column):
        values = floats(column.cast(pa.float64(), safe=False))
        return Numbers(values, np.zeros(len(values), dtype=bool))
    straight = not unit and style == "."
    plain = simple(column) if straight else None
    words = as_words(column) if plain is None else None
    plain = simple(words) if straight and plain is None else plain
    if plain is not None:
        return Numbers(plain, np.zeros(len(plain), dtype=bool))
    return _read(words, style, unit)


def simple(words: Any) -> FloatArray | None:
    """The words as float64 where all of them are written as programs write numbers; else None."""
    if not kinds.is_string(words.type):
        return None
    try:
        return floats(words.cast(pa.float64()))
    except pa.ArrowInvalid:
        return None


def find_written(words: Any) -> Written:
    """How the numbers among some words (null where missing) are written."""
    values, counts = different(words)
    could = flags(compute.match_substring_regex(values, BEGINS))
    if not could.any():
        return Written()
    bare, units, turned = split(values)
    matches = {style: _matches(bare, style) for style in STYLES}
    score = {style: int(counts[match].sum()) for style, match in matches.items()}
    some = np.logical_or.reduce(list(matches.values()))
    best = max(STYLES, key=lambda style: score[style])  # the first of those that fit alike
    found = Written(style=best, alike=int(counts[some].sum()))
    unit, allowed = main_unit(units, matches[best], counts)
    fits = matches[best] & allowed
    found.unit, found.fits, found.turned = unit, int(counts[fits].sum()), int(counts[fits & turned].sum())
    strays = values.filter(pa.array(~some)).to_pylist() if some.any() else []
    found.strays = dict(zip(strays, counts[~some].tolist() if strays else [], strict=True))
    found.other, found.mixed = _first(values, some & ~matches[best]), _first(values, matches[best] & ~allowed)
    if fits.any():
        found.different, found.longest = int(fits.sum()), _longest(values, bare, fits, best)
    found.zeros = _first(values, fits & flags(compute.match_substring_regex(bare, r"^[+-]?0\d+$")))
    found.either, found.rival = _either(values, bare, best, score, matches)
    return found


def _longest(values: Any, bare: Any, fits: BoolArray, style: str) -> tuple[str, float]:
    rows = np.flatnonzero(fits)
    lengths = np.asarray(compute.utf8_length(values.take(rows)).to_numpy(zero_copy_only=False))
    row = int(rows[int(np.argmax(lengths))])
    return str(values[row]), float(floats(_cleaned(bare.slice(row, 1), style))[0])


def says_two_things(words: Any) -> tuple[str, float, float] | None:
    """A word such as "1.234" and its two readings, where all words with a point among plain numbers are of that kind."""
    pattern = r"^[+-]?[1-9]\d{0,2}\.\d{3}$"
    for part in (words.slice(0, 200), words):
        pointed = part.filter(compute.match_substring_regex(part, r"[.eE]"))
        if not len(pointed.drop_null()) and part is words:
            return None
        if not compute.all(compute.match_substring_regex(pointed, pattern)).as_py():
            return None
    example = str(pointed.drop_null()[0].as_py())
    return example, float(example), float(example.replace(".", ""))


def _read(words: Any, style: str, unit: str) -> Numbers:
    bare, units, _ = split(words)
    fits = _matches(bare, style) & allowed(units, unit)
    values = floats(_cleaned(compute.if_else(pa.array(fits), bare, pa.scalar(None, pa.string())), style))
    return Numbers(values, np.asarray(words.is_valid(), dtype=bool) & ~fits)


def _pattern(style: str) -> str:
    group, decimal = STYLES[style]
    point, sign = f"[{decimal}]", "^[+-]?"
    number = rf"{sign}(\d+{point}?\d*|{point}\d+)([eE][+-]?\d+)?$|{sign}{INFINITE}$"
    if group:
        inner = r"(,\d{2,3})*,\d{3}" if group == "," else rf"([{group}]\d{{3}})+"  # lakhs have two digits
        number += rf"|{sign}[1-9]\d{{0,2}}{inner}({point}\d*)?$"
    return number


def _matches(bare: Any, style: str) -> BoolArray:
    return flags(compute.match_substring_regex(bare, _pattern(style)))


def _cleaned(bare: Any, style: str) -> Any:
    group, decimal = STYLES[style]
    if group:
        bare = compute.replace_substring(bare, group, "")
    if decimal == ",":
        bare = compute.replace_substring(bare, ",", ".")
    return compute.utf8_ltrim(bare, characters="+").cast(pa.float64())


def _either(
    values: Any, bare: Any, best: str, score: dict[str, int], matches: Any
) -> tuple[tuple[str, float, float] | None, str]:
    """The first word that a style which fits as many cells reads as another number."""
    for style in STYLES:
        if style == best or score[style] < score[best] or not score[best]:
            continue
        both = np.flatnonzero(matches[best] & matches[style])
        chosen = bare.take(both)
        one, other = (floats(_cleaned(chosen, name)) for name in (best, style))
        apart = np.flatnonzero(one != other)
        if apart.size:
            return (str(values[int(both[apart[0]])]), float(one[apart[0]]), float(other[apart[0]])), style
    return None, ""


def check_size(values: FloatArray, name: str, where: str) -> None:
    """Numbers are finite or missing, and of a size that can be learned from.

    Raises:
        BadInput: naming the first row that is not, counted from 0.
    """
    with np.errstate(invalid="ignore"):
        wrong = np.flatnonzero(np.abs(values) > LARGEST)
    if wrong.size:
        row = int(wrong[0])
        what = "infinite" if np.isinf(values[row]) else "too large to learn from"
        raise BadInput(
            f"row {row} of {where} is {what} in column {shown(name)}: correct it, or leave the cell empty for a missing "
            "value"
        )


def _first(values: Any, mask: BoolArray) -> str | None:
    rows = np.flatnonzero(mask)
    return str(values[int(rows[0])]) if rows.size else None
