"""The second pass: rows of a table as numbers, by the plan that the first pass made."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import BadInput, require
from .plan import Plan
from .profile import check_size
from .values import Numbers, as_days, as_numbers, as_words, is_text, is_time, is_usable
from .words import shown

Block = npt.NDArray[np.float32]


def width(plans: Sequence[Plan]) -> int:
    """F: one column for each plan, and one more where values may be missing."""
    return sum(1 + bool(plan.get("missing")) for plan in plans)


def categories(plans: Sequence[Plan]) -> tuple[int, ...]:
    """The codes of each category column: its values, and 0 for any other."""
    return tuple(len(plan["values"]) + 1 for plan in plans if plan["kind"] == "category")


def arranged(plans: Sequence[Plan]) -> list[Plan]:
    """Numbers and dates first, categories last."""
    return sorted(plans, key=lambda plan: plan["kind"] == "category")


def encode(batch: Any, plans: Sequence[Plan], where: str, first: int) -> Block:
    """(rows, F) float32 of a `RecordBatch`, whose first row is row `first` of the file `where`.

    Raises:
        BadInput: naming the first cell that is not what the training file had in its column.
    """
    block, place = np.zeros((batch.num_rows, width(plans)), dtype=np.float32), 0
    for plan in plans:
        column = batch.column(plan["name"])
        if not is_usable(column):
            raise BadInput(f"column {shown(plan['name'])} of {where} holds lists or bytes: give single values")
        if plan["kind"] == "category":
            block[:, place] = _codes(column, plan["values"])
        else:
            values = _numbers(column, plan, where, first)
            absent = np.isnan(values)
            block[:, place] = np.where(absent, 0, (values - plan["mean"]) / plan["deviation"])
            if plan["missing"]:
                place += 1
                block[:, place] = absent
        place += 1
    return block


def _codes(column: Any, values: list[str]) -> npt.NDArray[np.int64]:
    pa, compute = require("pyarrow", "cli"), require("pyarrow.compute", "cli")
    found = compute.index_in(as_words(column), value_set=pa.array(values, pa.string()))
    return np.asarray(compute.fill_null(found, -1).to_numpy(zero_copy_only=False), dtype=np.int64) + 1


def _numbers(column: Any, plan: Plan, where: str, first: int) -> npt.NDArray[np.float64]:
    if plan["kind"] == "date":
        if not is_time(column) and not is_text(column):
            raise BadInput(f"column {shown(plan['name'])} of {where} holds no dates: the training file has dates there")
        found, what = as_days(column, plan["layout"]), "date"
    elif is_time(column):
        raise BadInput(f"column {shown(plan['name'])} of {where} holds dates: the training file has numbers there")
    else:
        found, what = as_numbers(column, plan["decimal"]), "number"
    if found.strays.any() and not plan.get("lenient"):
        raise _stray(column, found, plan, where, first, what)
    check_size(found.values, plan["name"], where, first)
    return found.values


def _stray(column: Any, found: Numbers, plan: Plan, where: str, first: int, what: str) -> BadInput:
    row = int(np.flatnonzero(found.strays)[0])
    return BadInput(
        f"row {first + row} of {where} has {shown(column[row])} in column {shown(plan['name'])}, which is no {what} as "
        "in the training file: correct it, or leave the cell empty for a missing value"
    )
