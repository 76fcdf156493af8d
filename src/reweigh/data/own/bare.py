"""A cell as a numeral, its sign and what stands beside it: a unit, a currency, a percent sign."""

from typing import Any

import numpy as np

from ...arrow import compute, pa
from .values import BoolArray, FloatArray

_MONEY = (
    "USD EUR GBP CHF JPY CNY INR RUB BRL AUD CAD NZD SEK NOK DKK PLN CZK HUF TRY ZAR MXN SGD HKD Rs Rs. kr kr. Fr Fr."
)
_CURRENCY = r"(?:\p{Sc}|[A-Z]{1,3}\$|" + "|".join(_MONEY.replace(".", r"\.").split()) + ")"
_PARTS = (
    r"^(?P<sign>[+-]?)\s?(?P<before>" + _CURRENCY + r"?)\s?(?P<second>[+-]?)"
    r"(?P<body>(?:\d[\d.,' ]*|[.,]\d[\d.,' ]*)(?:[eE][+-]?\d+)?|(?i:inf|infinity))"
    r"\s?(?P<after>(?:[^\d\s.,'()+\-:/][^\d()]{0,11})?)$"
)
BEGINS = r"^[-+(.,\d\x{2212}\p{Sc}]|^[A-Z]{1,3}[\p{Sc}\s\d]|^(Rs|kr|Fr)|^(?i:inf)"
INFINITE = r"(?i:inf|infinity)"


def split(words: Any) -> tuple[Any, Any, BoolArray]:
    """Of each word the bare numeral with its sign (null where there is none), its unit, and whether the minus was turned."""
    words = words.combine_chunks() if isinstance(words, pa.ChunkedArray) else words
    for pattern, plain in (("[\u00a0\u2009\u202f]", " "), ("\u2212", "-"), ("\u2019", "'")):
        words = compute.replace_substring_regex(words, pattern=pattern, replacement=plain)
    straight = compute.replace_substring_regex(words, pattern=r"^\(\s?([^()+-]*)\)$", replacement=r"-\1")
    straight = compute.replace_substring_regex(straight, pattern=r"^([^+-].*\d)\s?-$|^(\d)-$", replacement=r"-\1\2")
    parts = compute.extract_regex(straight, _PARTS)
    sign, before, second, body, after = (compute.struct_field(parts, place) for place in range(5))
    bare = compute.binary_join_element_wise(sign, second, compute.utf8_rtrim_whitespace(body), "")
    units = compute.binary_join_element_wise(before, compute.utf8_trim_whitespace(after), "")
    return bare, units, flags(compute.not_equal(words, straight))


def main_unit(units: Any, fits: BoolArray, counts: Any) -> tuple[str, BoolArray]:
    """The unit of most numbers, and which words have it."""
    words = np.asarray(units.to_pylist(), dtype=object)
    totals: dict[str, int] = {}
    for word, count in zip(words[fits].tolist(), counts[fits].tolist(), strict=True):
        totals[word] = totals.get(word, 0) + count
    unit = max(totals, key=lambda word: totals[word], default="")
    money = [word for word in totals if word and is_currency(word)]
    if len(totals) == 2 and "" in totals and money:
        unit = money[0]
    return unit, allowed(units, unit)


def allowed(units: Any, unit: str) -> BoolArray:
    """Which of the units go with `unit`."""
    found = flags(compute.equal(units, unit))
    return found | flags(compute.equal(units, "")) if is_currency(unit) else found


def is_currency(unit: str) -> bool:
    """Whether a unit is money, so that a number without it is meant in it."""
    return bool(compute.match_substring_regex(pa.scalar(unit), f"^{_CURRENCY}$").as_py())


def flags(column: Any) -> BoolArray:
    """An Arrow array of truth values as NumPy has it, nulls as false."""
    return np.asarray(compute.fill_null(column, False).to_numpy(zero_copy_only=False), dtype=bool)


def floats(column: Any) -> FloatArray:
    """An Arrow array of float64 as NumPy has it, nulls as NaN."""
    if isinstance(column, pa.ChunkedArray):
        return np.asarray(column.to_numpy(), dtype=np.float64)
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.float64)
