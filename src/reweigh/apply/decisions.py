"""What a reviewer decided, example by example: `decisions.csv`, as the review page writes it and as spreadsheets save it.

A row an example, with the columns `id` (as the audit has it), `given` (the label as it stood), `decision` and `label`:

A row of the audit's own file does as well, with a column `decision` and one `label` beside: `given_label` is `given` there.

- `keep`: the label was looked at and is right; `change`: it should be `label`; `drop`: the example is to go;
- nothing: not decided. What is not in the file is not either. With another label beside it that is `OPEN`, and is said.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from reweigh.data.own.csv_rows import rows_of
from reweigh.data.own.dialect import find_dialect
from reweigh.data.own.other_kinds import OTHERS, refused
from reweigh.data.own.paths import JSON, existing, kind_of_file, open_table
from reweigh.data.own.text_file import DAMAGED, TextFile, unreadable
from reweigh.errors import BadInput
from reweigh.tables import cell, write_table
from reweigh.words import listed, shown

KEEP: Final = "keep"
CHANGE: Final = "change"
DROP: Final = "drop"
OPEN: Final = ""
WORDS = (KEEP, CHANGE, DROP)
COLUMNS = ("id", "given", "decision", "label")


class Decision(NamedTuple):
    """On one example; `where` says what a reviewer would look for, such as "line 5 of decisions.csv"."""

    id: str
    given: str
    word: str
    label: str
    where: str


def read_decisions(path: Path | str) -> list[Decision]:
    """The decisions in a CSV file, however a spreadsheet saves it: any delimiter, a mark, cells left out at the end.

    Or in a table of another kind that data may come in.

    Raises:
        BadInput: in a sentence with the line, if the file cannot be read, lacks a column, or says what contradicts itself.
    """
    place = existing(path)
    if place.suffix.lower() in OTHERS:
        raise refused(place)
    if kind_of_file(place) in (".parquet", ".pq", *JSON):
        return _in_table(place)
    text = TextFile(place)
    if not text.head.strip():
        raise BadInput(f"{place} is empty: give a file with the columns {', '.join(COLUMNS)}")
    try:
        rows = list(rows_of(text, find_dialect(text)))
    except DAMAGED as damage:
        raise unreadable(place, damage) from damage
    names, *cells = [row for row in rows if row.fields]
    _check_names(names.fields, place)
    columns = _columns(names.fields)
    found = []
    for row in cells:
        if len(row.fields) > len(columns) and any(field.strip() for field in row.fields[len(columns) :]):
            raise BadInput(
                f"line {row.line} of {place} has {len(row.fields)} fields where the first line has {len(columns)}: quote "
                "cells that hold the delimiter"
            )
        told = dict(zip(columns, row.fields, strict=False))  # a spreadsheet leaves empty cells at the end out
        found.append((told, f"line {row.line} of {place}"))
    return decisions_of(found)


def _in_table(place: Path) -> list[Decision]:
    table = open_table(place).table()
    _check_names(table.column_names, place)
    rows = table.rename_columns(_columns(table.column_names)).to_pylist()
    return decisions_of((row, f"row {number} of {place}") for number, row in enumerate(rows))


def decisions_of(rows: Iterable[tuple[Mapping[str, Any], str]]) -> list[Decision]:
    """The decisions that rows tell, by the names of the columns; each with where it stands.

    What is not decided is left out; but where it names another label it comes last, and is `OPEN`.

    Raises:
        BadInput: if a row is no decision, or two are about one example and differ.
    """
    found: dict[str, Decision] = {}
    undecided = []
    for told, where in rows:
        row = {name: _plain(told.get(name)) for name in COLUMNS}
        if not row["decision"].strip():
            named = row["label"].strip() not in ("", row["given"].strip())
            undecided += [Decision(row["id"], row["given"], OPEN, row["label"], where)] if named else []
            continue
        one = _checked(Decision(row["id"], row["given"], row["decision"].strip().casefold(), row["label"], where))
        before = found.setdefault(one.id, one)
        if before[:4] != one[:4]:
            raise BadInput(
                f"{where} decides on {shown(one.id)} otherwise than {before.where}: leave one of the two lines"
            )
    return [*found.values(), *undecided]


def write_decisions(path: Path, decisions: Iterable[Decision], *, overwrite: bool = False) -> None:
    """Write decisions as `read_decisions` takes them.

    Raises:
        BadInput: if there is a file and `overwrite` is not set.
        ReweighError: if the disk refuses.
    """
    rows = [(one.id, one.given, one.word, one.label) for one in decisions]
    columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in COLUMNS]
    write_table(path, dict(zip(COLUMNS, columns, strict=True)), overwrite=overwrite)


def _check_names(fields: list[str], path: Path) -> None:
    names = _columns(fields)
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        raise BadInput(
            f"{path} has no column {listed(missing)}: decisions have the columns {', '.join(COLUMNS)}, as `reweigh review` "
            "saves them"
        )
    twice = next((name for name in COLUMNS if names.count(name) > 1), None)
    if twice is not None:
        raise BadInput(f"{path} has two columns named {shown(twice)}: leave one out")


def _columns(fields: list[str]) -> list[str]:
    names = [name.strip().casefold() for name in fields]
    return names if "given" in names else ["given" if name == "given_label" else name for name in names]


def _checked(one: Decision) -> Decision:
    if one.word not in WORDS:
        raise BadInput(f"{one.where} decides {shown(one.word)}: write {', '.join(WORDS[:2])} or {WORDS[2]}, or nothing")
    if not one.id.strip():
        raise BadInput(f"{one.where} has no id: decisions are about examples by the ids that the audit gives them")
    if one.word != CHANGE and one.label.strip() not in ("", one.given.strip()):
        raise BadInput(
            f"{one.where} says {one.word} and names the label {shown(one.label)}: write {CHANGE}, or leave the label out"
        )
    return one


def _plain(value: Any) -> str:
    """A cell as a text, without the apostrophe that keeps a spreadsheet from running it (`tables.cell`)."""
    text = "" if value is None or value != value else str(value)
    bare = text.removeprefix("'")
    return bare if bare != text and cell(bare) == text else text
