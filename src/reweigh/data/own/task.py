"""Which task a target asks for, found from its cells and told in one sentence.

Words are classes. Whole numbers are classes as well, unless they are so many that nobody would call them so. Other numbers
are a regression once there are more than a few different ones. Cells such as "cat;indoors", or several target columns, are
any number of labels.
"""

import re
from typing import Any

import numpy as np

from ...errors import BadInput, require
from .rows import Rows
from .targets import SEPARATORS, Words, as_classes, numbers_in, split
from .values import is_time
from .words import counted, shown

FEW = 20
"""Different numbers with fractions that may still be classes."""

MANY = 200
"""Different whole numbers, or a twentieth of the rows, that are classes no longer."""


_LEADING_ZERO = re.compile(r"^0\d+$")


def find_task(train: Rows, names: tuple[str, ...], wanted: str | None) -> tuple[str, str]:
    """The task, and the sentence that says how it was found.

    Raises:
        BadInput: the wanted task does not go with the target, or the target names rows rather than classes.
    """
    column = train.targets[0]
    if len(names) > 1:
        if wanted not in (None, "multi-label"):
            raise BadInput(f"{wanted} has one target, but {len(names)} columns are named: name one, or use multi-label")
        return "multi-label", f"the task is multi-label: {len(names)} target columns"
    if wanted is not None:
        return wanted, f"the task is {wanted} of {shown(names[0])}, as asked for"
    words = as_classes(column)
    if not words.values:
        raise BadInput(
            f"the target {shown(names[0])} of {train.where} is empty in every row: name another with --target"
        )
    task, why = _found(column, words, len(train))
    if task == "classification":
        check_classes(words, names[0], train.where)
    return task, f"the task is {task} of {shown(names[0])} ({why}; --task says otherwise)"


def check_classes(words: Words, name: str, where: str) -> None:
    """Classes come back: a target that is different in almost every row names rows.

    Raises:
        BadInput: if it is, or if there is one class only.
    """
    present = int((words.codes >= 0).sum())
    if len(words.values) > 20 and len(words.values) > 0.5 * present:
        raise BadInput(
            f"the target {shown(name)} of {where} has {counted(len(words.values), 'different value')} in "
            f"{counted(present, 'row')}: name the column of classes with --target, or use --task regression for numbers"
        )


def _found(column: Any, words: Words, rows: int) -> tuple[str, str]:
    pa = require("pyarrow", "cli")
    different = len(words.values)
    numbers = numbers_in(column.slice(0, 1) if is_time(column) else pa.array(words.values, pa.string()))
    named = any(_LEADING_ZERO.match(word) for word in words.values)  # 00123 is a name
    if not named and not numbers.strays.any():
        present = numbers.values[np.isfinite(numbers.values)]
        if (present != np.floor(present)).any():
            return _by_number(different > FEW, f"{different:,} different numbers")
        return _by_number(different > MANY and different > rows / 20, f"{different:,} different whole numbers")
    with_separator = [word for word in words.values if any(mark in word for mark in SEPARATORS)]
    if with_separator and _come_back(words.values):
        return "multi-label", f"cells such as {shown(with_separator[0])}"
    return "classification", f"{different:,} different words"


def _by_number(many: bool, why: str) -> tuple[str, str]:
    return ("regression" if many else "classification"), why


def _come_back(cells: list[str]) -> bool:
    """Labels of several cells are fewer than the cells, and most stand in more than one."""
    parts = [part for cell in cells for part in set(split(cell))]
    return len(set(parts)) < len(cells) and len(parts) >= 1.5 * len(set(parts))
