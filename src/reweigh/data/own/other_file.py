"""Numbers of a file beside the training file, which may write them otherwise: 1.234,5 where the training file has 1234.5.

Where a column can be read in two ways, the ways are a factor of a thousand apart, and the training file's numbers say which
of them is meant.
"""

from typing import Any

import numpy as np

from ...arrow import compute
from .numerals import Numbers, as_numbers, find_written, says_two_things
from .values import FloatArray, as_words, is_text


def numbers_like(column: Any, style: str, unit: str, mean: float, deviation: float) -> tuple[Numbers, str]:
    """The cells as numbers, and what to say where they are written otherwise than in `style`; "" where they are not.

    `mean` and `deviation` are those of the training file's column.
    """
    found = as_numbers(column, style, unit)
    if not is_text(column):
        return found, ""
    words = as_words(column)
    if found.strays.any() and _are_truths(words):
        ones = compute.replace_substring_regex(words, pattern="^true$", replacement="1")
        return as_numbers(compute.replace_substring_regex(ones, pattern="^false$", replacement="0"), style), ""
    best, best_style, usual = found, style, float(np.hypot(mean, deviation))
    for other in _others(words, style, found):
        tried = as_numbers(column, other, unit)
        fewer = int(tried.strays.sum()) - int(best.strays.sum())
        if fewer < 0 or (fewer == 0 and _apart(tried.values, usual) < _apart(best.values, usual)):
            best, best_style = tried, other
    if best_style == style:
        return found, ""
    row = int(np.flatnonzero(np.isfinite(best.values))[0])
    return (
        best,
        f"are written otherwise than in the training file, {str(column[row])!r} is read as {best.values[row]:.12g}",
    )


def _others(words: Any, style: str, found: Numbers) -> list[str]:
    """Other styles that may be meant: where some cells do not fit, or where all have a second reading."""
    if style == "." and not found.strays.any():
        return [] if says_two_things(words) is None else ["1.000,"]
    written = find_written(words)
    if written.other is not None or (written.either is None and not found.strays.any()):
        return []
    return [other for other in (written.style, written.rival) if other not in ("", style)]


def _are_truths(words: Any) -> bool:
    return set(compute.unique(words).to_pylist()) <= {"true", "false", None}


def _apart(values: FloatArray, usual: float) -> float:
    """How many powers of ten the numbers' size is from what is usual."""
    finite = values[np.isfinite(values)]
    size = float(np.sqrt(np.mean(finite**2))) if finite.size else 0.0
    return abs(float(np.log10(size / usual))) if size > 0 and usual > 0 else 0.0
