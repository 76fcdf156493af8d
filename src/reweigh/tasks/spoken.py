"""What tasks hand out for people to read: words for groups, what a model suggests, small tables of what it said."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from torch import Tensor


class Words(NamedTuple):
    """What groups of examples are called, in reports.

    Attributes:
        one, many: a group, and several.
        of_each: after "noise rate": "each class".
        given: the head of the column of groups.
        title: the title of the table of groups.
        otherwise: how a contradicting prediction differs from the label: "else".
        these: of which examples a contradiction's share is: "the class".
    """

    one: str = "group"
    many: str = "groups"
    of_each: str = "each group"
    given: str = "given group"
    title: str = "Labels by group"
    otherwise: str = "else"
    these: str = "the group"


class Judged(NamedTuple):
    """What a model suggests for B examples, shaped as y; how sure it is, and how likely the given label, (B,) or NaN."""

    suggested: Tensor
    suggested_probability: Tensor
    given_probability: Tensor


class Overview(NamedTuple):
    """A small table of what was predicted: the heads of its columns, whether each is of numbers, and its rows."""

    heads: tuple[str, ...]
    numbers: tuple[bool, ...]
    rows: list[tuple[str, ...]]


def counts(cells: Sequence[Any], most: int = 20) -> Overview:
    """How often each prediction was made, the most frequent ones."""
    rows: list[tuple[str, ...]] = [(str(cell), str(count)) for cell, count in Counter(cells).most_common(most)]
    return Overview(("prediction", "examples"), (False, True), rows)
