"""Columns of long texts that are too large to be looked at whole: left out for the same reasons as short ones.

A column of a table may hold more text than memory, beside the numbers that are learned from. Whether it names rows or is
free text is a matter of how many different cells there are and how long they are; both can be counted piece by piece.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

from ...errors import require
from .values import as_words, is_text

BYTES_A_ROW = 256
"""From here on a column is looked at in pieces, if it is larger than may be in memory."""

LONG = 100
"""Characters from which on a cell is no number, no date and no word."""

_NAMELIKE, _FREE = (
    0.9,
    0.5,
)  # as many different values a row, and a column names rows, or is free text where they are long


def why_left_out(different: int, present: int, longest: int) -> str | None:
    """Why a column of words is not learned from, by how many different cells there are of all; None where it is."""
    if different > _NAMELIKE * present and present > 2:
        return "it is different in almost every row, as names and free text are"
    if different > _FREE * present and longest > LONG:
        return "it is free text, and --text would learn from it alone"
    return None


def found_in_pieces(pieces: Iterable[Any]) -> str | None:
    """Why a column is not learned from; None where most cells are not long, or it is to be looked at whole."""
    compute = require("pyarrow.compute", "cli")
    hashes, long, longest = [np.empty(0, dtype=np.int64)], 0, 0
    for piece in pieces:
        if not is_text(piece):
            return None
        words = as_words(piece).drop_null()
        lengths = compute.utf8_length(words).to_numpy(zero_copy_only=False)
        long, longest = long + int((lengths > LONG).sum()), max(longest, int(lengths.max(initial=0)))
        hashes.append(np.fromiter((hash(word) for word in words.to_pylist()), dtype=np.int64, count=len(words)))
    together = np.concatenate(hashes)
    if 2 * long <= len(together):
        return None
    return why_left_out(len(np.unique(together)), len(together), longest)
