"""What the keys of JSON lines hold, and lines that need a closer look: by Python's `json`, one after the other."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...errors import BadInput, require
from ...words import shown

INT, FLOAT, TRUTH, TEXT, NESTED, HUGE = "int", "float", "truth", "text", "nested", "huge"
DEEP = 200
EXACT = 2**53  # whole numbers from here on lose digits as floats

Found = tuple[int, dict[str, Any]]
"""The number of a line, and its object: numbers in it are `Written`."""


class Written(str):
    """A number as it stands in the file."""

    __slots__ = ()


class Kinds(dict[str, set[str]]):
    """From each key, in the order in which they come, to the kinds of its values; nulls are of none."""

    @classmethod
    def of_table(cls, table: Any) -> "Kinds":
        """Those of a table as Arrow reads it."""
        kinds = require("pyarrow.types", "cli")
        found = cls()
        for field, column in zip(table.schema, table.columns, strict=True):
            if kinds.is_null(field.type):
                found[field.name] = set()
            elif kinds.is_integer(field.type) or kinds.is_floating(field.type):
                kind = INT if kinds.is_integer(field.type) else FLOAT
                found[field.name] = {kind, *([HUGE] if _is_huge(column) else [])}
            elif kinds.is_boolean(field.type):
                found[field.name] = {TRUTH}
            else:
                found[field.name] = {NESTED if kinds.is_nested(field.type) else TEXT}
        return found

    def add(self, other: "Kinds") -> None:
        """Those of more lines."""
        for name, kinds in other.items():
            self.setdefault(name, set()).update(kinds)

    def mixed(self, name: str) -> bool:
        """Whether values of several kinds stand there, which are text then."""
        kinds = self[name]
        return NESTED not in kinds and bool(kinds & {INT, FLOAT}) + (TRUTH in kinds) + (TEXT in kinds) > 1

    def by_hand(self, name: str) -> bool:
        """Whether Arrow cannot read the column: kinds are mixed, or a float would lose digits of its numbers."""
        return self.mixed(name) or (NESTED not in self[name] and self[name] >= {FLOAT, HUGE})

    def type(self, name: str) -> Any:
        """The type of the column; objects and lists are bytes, which nobody learns from."""
        pa, kinds = require("pyarrow", "cli"), self[name] - {HUGE}
        if NESTED in kinds:
            return pa.binary()
        if self.by_hand(name) or kinds <= {TEXT}:
            return pa.string()
        return pa.bool_() if kinds == {TRUTH} else pa.int64() if kinds == {INT} else pa.float64()


def _is_huge(column: Any) -> bool:
    compute = require("pyarrow.compute", "cli")
    ends = compute.min_max(column)
    return any(end.is_valid and abs(end.as_py()) >= EXACT for end in (ends["min"], ends["max"]))


def may_be_deep(lines: bytes) -> bool:
    """Whether a line has so many brackets that objects or lists could stand in each other more than `DEEP` times."""
    if lines.count(b"{") + lines.count(b"[") <= lines.count(b"\n") + DEEP:  # as where objects hold plain values
        return False
    return any(line.count(b"{") + line.count(b"[") > DEEP for line in lines.split(b"\n"))


def objects_in(lines: bytes, first: int, path: Path) -> Iterator[Found]:
    """The object of each line that is not blank; `first` is the number of the first one.

    Raises:
        BadInput: naming the line that is no object, or has a key twice.
    """
    for number, line in enumerate(lines.split(b"\n"), first):
        if not line.strip():
            continue
        try:
            found = json.loads(
                line, object_pairs_hook=_once, parse_int=Written, parse_float=Written, parse_constant=Written
            )
        except json.JSONDecodeError as wrong:
            raise BadInput(
                f"line {number} of {path} is no JSON ({wrong.msg} at character {wrong.pos + 1}): write one object a line, "
                'such as {"text": "...", "label": "..."}'
            ) from wrong
        except _Twice as twice:
            raise BadInput(
                f"line {number} of {path} has the key {shown(twice.args[0])} twice: leave one out"
            ) from twice
        except RecursionError as deep:
            raise BadInput(f"line {number} of {path} nests objects too deep to be read: leave that key out") from deep
        if not isinstance(found, dict):
            raise BadInput(f"line {number} of {path} is no object: write the names of columns with each value, as keys")
        yield number, found


class _Twice(ValueError):
    pass


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen = set[str]()
        raise _Twice(next(key for key, _ in pairs if key in seen or seen.add(key)))  # type: ignore[func-returns-value]
    return found


def kinds_of(objects: Iterator[Found]) -> Kinds:
    """The kinds of what some lines hold."""
    found = Kinds()
    for _, values in objects:
        for name, value in values.items():
            found.setdefault(name, set()).update(_kind(value))
    return found


def _kind(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, bool):
        return (TRUTH,)
    if isinstance(value, Written):
        kind = INT if value.removeprefix("-").isdecimal() else FLOAT
        huge = abs(float(value)) >= EXACT
        beyond = kind == INT and not -(2**63) <= int(value) < 2**63
        return (FLOAT if beyond else kind, *([HUGE] if huge else []))
    return (TEXT,) if isinstance(value, str) else (NESTED,)


def cells_of(rows: list[dict[str, Any]], name: str, kind: Any, path: Path, first: int) -> Any:
    """The values of a key as an Arrow array of a type that `Kinds.type` gave.

    Raises:
        BadInput: naming a text that holds half a character.
    """
    pa, kinds = require("pyarrow", "cli"), require("pyarrow.types", "cli")
    values = [row.get(name) for row in rows]
    if kinds.is_binary(kind):
        return pa.array([None if value is None else b"" for value in values], kind)
    if kinds.is_integer(kind) or kinds.is_floating(kind):
        number = int if kinds.is_integer(kind) else float
        return pa.array([None if value is None else number(value) for value in values], kind)
    if kinds.is_boolean(kind):
        return pa.array(values, kind)
    try:
        return pa.array([None if value is None else _text(value) for value in values], kind)
    except UnicodeEncodeError as half:
        raise BadInput(
            f"a text in column {shown(name)} of {path}, in line {first} or below, holds half a character (\\ud800 or the "
            "like): mend it"
        ) from half


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
