"""Columns of a table as numbers, by the plans that the training file gave."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ...arrow import compute, pa
from ...errors import BadInput
from ...words import counted, listed, shown
from ..scratch import in_memory
from ..stored_files import ColumnFiles
from .days import as_days
from .decided import Plan
from .numerals import Numbers, check_size
from .other_file import numbers_like
from .values import BoolArray, FloatArray, as_words, is_blank, is_text, is_time, is_usable

Block = npt.NDArray[np.float32]


class Encoded(NamedTuple):
    """(N, F) inputs, in memory or on the disk; what was guessed or converted, in sentences and, by column, in counts."""

    x: Any
    notes: list[str]
    told: dict[str, dict[str, Any]]


def width(plans: Sequence[Plan]) -> int:
    """F: one column for each plan, and one more where values may be missing."""
    return sum(1 + bool(plan.get("missing")) for plan in plans)


def categories(plans: Sequence[Plan]) -> tuple[int, ...]:
    """The codes of each category column: its values, and 0 for any other."""
    return tuple(len(plan["values"]) + 1 for plan in plans if plan["kind"] == "category")


def arranged(plans: Sequence[Plan]) -> list[Plan]:
    """Numbers and dates first, categories last."""
    return sorted(plans, key=lambda plan: plan["kind"] == "category")


def encode(columns: Iterable[Any], plans: Sequence[Plan], where: str, size: int) -> Encoded:
    """The N = `size` cells of each plan's column, in the order of the plans, of the file `where`.

    Raises:
        BadInput: naming the first cell that is not what the training file had in its column.
    """
    shape, place = (size, width(plans)), 0
    large = size * shape[1] * 4 > in_memory()
    found = Encoded(ColumnFiles(shape) if large else np.zeros(shape, dtype=np.float32), [], {})
    for plan, column in zip(plans, columns, strict=True):
        if is_blank(column):
            column = pa.nulls(size, "string")
        if not is_usable(column):
            raise BadInput(f"column {shown(plan['name'])} of {where} holds lists or bytes: give single values")
        seen = _Column(plan, column, where, found)
        if plan["kind"] == "category":
            found.x[:, place] = seen.codes()
        else:
            values = seen.days() if plan["kind"] == "date" else seen.numbers()
            absent = np.isnan(values)
            found.x[:, place] = np.where(absent, 0, (values - plan["mean"]) / plan["deviation"])
            if plan["missing"]:
                place += 1
                found.x[:, place] = absent
            elif absent.any():
                seen.tell("missing", int(absent.sum()), "are missing, where none is in the training file")
        place += 1
    return found._replace(x=found.x.stored()) if large else found


class _Column:
    """One column under its plan."""

    def __init__(self, plan: Plan, column: Any, where: str, found: Encoded) -> None:
        self.plan, self.column, self.where, self.found = plan, column, where, found

    def codes(self) -> npt.NDArray[np.int64]:
        """From 1 for the plan's values; 0 for any other and for none."""
        values, words = self.plan["values"], as_words(self.column)
        known = pa.array(values, pa.string())
        indices = compute.index_in(words, value_set=known)
        strange = compute.and_(compute.is_null(indices), compute.is_valid(words))
        if compute.any(strange).as_py():
            respelled = _respelled(compute.unique(words.filter(strange)).to_pylist(), values)
            if respelled:
                words = _replaced(words, respelled)
                indices = compute.index_in(words, value_set=known)
                strange = compute.and_(compute.is_null(indices), compute.is_valid(words))
            self._tell_strange(words.filter(strange))
        return np.asarray(compute.fill_null(indices, -1).to_numpy(zero_copy_only=False), dtype=np.int64) + 1

    def days(self) -> FloatArray:
        if not is_time(self.column) and not is_text(self.column):
            raise BadInput(
                f"column {shown(self.plan['name'])} of {self.where} holds no dates: the training file has dates there"
            )
        return self._kept(as_days(self.column, self.plan["layout"]), "date")

    def numbers(self) -> FloatArray:
        name, style, unit = self.plan["name"], self.plan["decimal"], self.plan.get("unit", "")
        if is_time(self.column):
            raise BadInput(f"column {shown(name)} of {self.where} holds dates: the training file has numbers there")
        found, otherwise = numbers_like(self.column, style, unit, self.plan["mean"], self.plan["deviation"])
        if otherwise:
            self.tell("written", "otherwise", otherwise)
        check_size(found.values, name, self.where)
        return self._kept(found, "number")

    def _kept(self, found: Numbers, what: str) -> FloatArray:
        count = int(found.strays.sum())
        if count and not self.plan.get("lenient"):
            row = int(np.flatnonzero(found.strays)[0])
            raise BadInput(
                f"row {row} of {self.where} has {shown(self.column[row])} in column {shown(self.plan['name'])}, which is no "
                f"{what} as in the training file: correct it, or leave the cell empty for a missing value"
            )
        if count:
            self.tell("missing_words", count, f"are no {what} ({self._examples(found.strays)}) and count as missing")
        return found.values

    def _examples(self, strays: BoolArray) -> str:
        rows = np.flatnonzero(strays)
        return listed(dict.fromkeys(str(self.column[int(row)]) for row in rows[:50].tolist()), 3)

    def _tell_strange(self, words: Any) -> None:
        if len(words):
            examples = listed(compute.unique(words).to_pylist(), 3)
            self.tell("unknown", len(words), f"hold words that the training file has not ({examples})")

    def tell(self, key: str, count: Any, what: str) -> None:
        name = self.plan["name"]
        self.found.told.setdefault(name, {})[key] = count
        cells = counted(count, "cell") if isinstance(count, int) else "cells"
        self.found.notes.append(f"{cells} of column {shown(name)} of {self.where} {what}")


def _respelled(strange: list[str], values: list[str]) -> dict[str, str]:
    """Other spellings of the plan's values: 1.0 for 1, 1 for true."""
    known = set(values)
    truth = {"1": "true", "1.0": "true", "0": "false", "0.0": "false", "yes": "true", "no": "false"}
    pairs = {}
    for word in strange:
        whole = word.partition(".")[0] if word.partition(".")[2].strip("0") == "" else word
        others = [whole, f"{word}.0", *([truth[word]] if word in truth and known <= {"true", "false"} else [])]
        if match := next((other for other in others if other in known), None):
            pairs[word] = match
    return pairs


def _replaced(words: Any, pairs: dict[str, str]) -> Any:
    places = compute.index_in(words, value_set=pa.array(list(pairs), pa.string()))
    return compute.if_else(
        compute.is_valid(places), pa.array(list(pairs.values()), pa.string()).take(_whole(places)), words
    )


def _whole(places: Any) -> Any:
    return places.combine_chunks() if isinstance(places, pa.ChunkedArray) else places
