"""What a generated file means, and whether it was read so: right, refused in one sentence, or wrong without a word."""

import math
import random
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch

from reweigh.data.own import OwnData, Sources, read_own
from reweigh.errors import ReweighError


class Column(NamedTuple):
    """A column and what its cells mean: numbers, words or days, None where one is missing.

    `choice` says that the cells have a second meaning, so that a note has to name the column; `only_said` that it may be
    left out or read as words, if a note says so.
    """

    name: str
    kind: str
    truth: list[Any]
    cells: list[Any]
    choice: bool = False
    only_said: bool = False


class Case(NamedTuple):
    """One file: how to read it, what it means, and whether it is damaged, so that only a sentence is right."""

    sources: Sources
    columns: list[Column]
    labels: list[str]
    damaged: str = ""
    what: str = ""


def tally(
    make: Callable[[random.Random, Path], Case], check: Callable[[Case, OwnData], str], seed: int, count: int
) -> dict[str, Any]:
    """Make and read `count` files; totals of those read right, refused, and read wrong (with why)."""
    totals: dict[str, Any] = {"tried": 0, "right": 0, "sentences": 0, "wrong": []}
    for number in range(count):
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            case = make(random.Random(f"{seed}:{number}"), Path(folder))
            totals["tried"] += 1
            wrong = _tried(case, check, totals)
            if wrong:
                totals["wrong"].append(f"{seed}:{number} {case.damaged or case.what}: {wrong}")
    return totals


def _tried(case: Case, check: Callable[[Case, OwnData], str], totals: dict[str, Any]) -> str:
    try:
        own = read_own(case.sources, seed=0)
    except ReweighError as refused:
        said = str(refused)
        if "\n" in said or len(said) > 500:
            return f"not one sentence: {said[:200]!r}"
        if not case.damaged:
            return f"refused: {said[:200]}"
        totals["sentences"] += 1
        return ""
    except Exception as fault:
        return f"{type(fault).__name__}: {str(fault)[:200]}"
    if case.damaged:
        return "read without a word"
    wrong = check(case, own)
    totals["right"] += not wrong
    return wrong


def in_order(own: OwnData) -> tuple[torch.Tensor, torch.Tensor]:
    """x and y of all rows of a file whose clean rows are marked in it, in the file's order."""
    parts = (own.train, own.clean, own.test)
    order = torch.cat([part.ids for part in parts]).argsort()
    return torch.cat([part.x for part in parts])[order], torch.cat([part.y for part in parts])[order]


def table_wrong(case: Case, own: OwnData) -> str:
    """What of a table was read otherwise than it is meant; "" where nothing was."""
    x, y = in_order(own)
    if len(x) != len(case.labels):
        return f"{len(x)} rows of {len(case.labels)}"
    given = [own.encoding.classes[code] for code in y.tolist()]
    if given != case.labels:
        return "other labels"
    place, read = 0, {}
    for plan in own.encoding.reader["columns"]:
        read[plan["name"]] = _meaning(plan, x, place)
        place += 1 + bool(plan.get("missing"))
    notes = " ".join(own.notes)
    for column in case.columns:
        wrong = _column_wrong(column, read.get(column.name), repr(column.name) in notes)
        if wrong:
            return f"column {column.name}: {wrong}, {column.cells[:3]} are meant as {column.truth[:3]}"
    return ""


def _meaning(plan: dict[str, Any], x: torch.Tensor, place: int) -> tuple[str, list[Any]]:
    cells = x[:, place].double()
    if plan["kind"] == "category":
        return "category", [plan["values"][int(code) - 1] if code else None for code in cells.tolist()]
    numbers = (cells * plan["deviation"] + plan["mean"]).tolist()
    gone = x[:, place + 1].bool().tolist() if plan["missing"] else [False] * len(numbers)
    return plan["kind"], [None if absent else number for number, absent in zip(numbers, gone, strict=True)]


def _column_wrong(column: Column, read: tuple[str, list[Any]] | None, said: bool) -> str:
    if column.choice and not said:
        return "a choice that nothing says"
    if read is None or (read[0] != column.kind and column.only_said):
        return "" if said else "left out without a word"
    if column.choice:
        return ""
    if read[0] != column.kind:
        return f"read as {read[0]}"
    for row, (meant, found) in enumerate(zip(column.truth, read[1], strict=True)):
        if not _same(meant, found, _scale(column)):
            return f"row {row} is {found!r} and not {meant!r}"
    return ""


def _scale(column: Column) -> float:
    numbers = [abs(cell) for cell in column.truth if isinstance(cell, int | float)]
    return max(numbers, default=1.0)


def _same(meant: Any, found: Any, scale: float) -> bool:
    if meant is None or found is None or isinstance(meant, str):
        return bool(meant == found)
    return math.isclose(meant, found, rel_tol=1e-4, abs_tol=1e-5 * scale)
