"""Tables: numbers, dates and categories in the columns of a CSV or Parquet file.

What a column is is decided from all of its rows, then it is encoded. A CSV file lies in memory as text until that is done, a
Parquet file a few columns at a time.
"""

from typing import Any

from ...errors import BadInput
from ...words import listed
from .columns import Roles, find_roles
from .days import DATES
from .decided import Decision, Plan, dropped, empty_note, left_out_notes
from .encode import Encoded, arranged, categories, encode, width
from .free_text import found_in_pieces
from .numerals import STYLES
from .paths import Table, open_table
from .plan import decide
from .rows import Rows
from .sources import Sources
from .table_rows import read_table

MOST_NOTES = 30
"""Sentences about columns that go to the screen."""


class TableReader:
    """Reads tables by the plans of their columns."""

    kind = "table"

    def __init__(self, plans: list[Plan], roles: Roles) -> None:
        """Plans in the order of x: numbers first, categories last."""
        self.plans, self.roles, self.notes = plans, roles, list[str]()
        self.target_names = roles.targets
        self.input_shape: tuple[int, ...] = (width(plans),)
        self.model_options: dict[str, Any] = {"categories": categories(plans)}
        self._told: dict[str, dict[str, Any]] = {}
        self._file: Table | None = None

    @classmethod
    def learned(cls, sources: Sources) -> "TableReader":
        """The reader for the training file: what every column is, from all of its rows.

        Raises:
            BadInput: a column is missing, or none is left to learn from.
        """
        file = open_table(sources.train)
        roles, where = find_roles(sources, file.names, file.path), str(file.path)
        if not file.rows:
            raise BadInput(f"{file.path} has column names but no rows: give at least one example")
        aside = {*roles.all, *sources.drop}
        inputs = [name for name in file.names if name not in aside]
        decisions = _decided(file, inputs, where)
        plans = arranged([decision.plan for decision in decisions.values() if decision.plan is not None])
        left_out = left_out_notes(decisions)
        if not plans:
            why = f" ({left_out[0]})" if left_out else ""
            raise BadInput(
                f"{file.path} has no column to learn from besides {listed(roles.all)}{why}: add columns, or name a column "
                "of texts with --text"
            )
        reader = cls(plans, roles)
        notes = [note for one in decisions.values() for note in one.notes]
        reader.notes = [*left_out, *shortened(notes), *empty_note(decisions)]
        reader._told = {name: one.told for name, one in decisions.items()}
        file.keep([*(plan["name"] for plan in plans), *roles.all])
        reader._file = file
        return reader

    @classmethod
    def restored(cls, kept: dict[str, Any]) -> "TableReader":
        """The reader that `as_json` wrote down."""
        plans = [dict(plan) for plan in kept["columns"]]
        for plan in plans:
            if plan.get("decimal", ".") not in STYLES or plan.get("layout", "iso") not in DATES:
                raise ValueError(f"no such way to write {plan['name']}")
        return cls(plans, Roles(tuple(kept["targets"]), kept["id"]))

    def as_json(self) -> dict[str, Any]:
        """The plans of the columns, and which hold target and names."""
        return {"columns": self.plans, "targets": list(self.roles.targets), "id": self.roles.id}

    def rows(self, path: str, part: str) -> Rows:
        """The examples of the table at `path`, encoded: x is (N, F) float32."""
        file = self._file if part == "train" and self._file is not None else open_table(path)
        self._file = None  # read once for both passes, and not kept
        needed = [plan["name"] for plan in self.plans]

        def inputs(file: Table) -> Encoded:
            found = encode(file.columns(needed), self.plans, str(file.path), file.rows)
            if part == "train" and self._told:  # said when the columns were looked at
                return Encoded(found.x, [], self._told)
            return Encoded(found.x, shortened(found.notes), found.told)

        return read_table(file, part, self.roles, needed, inputs)


def _decided(file: Table, names: list[str], where: str) -> dict[str, Decision]:
    """What becomes of each column; of one with more text than memory it is found piece by piece, where that can be."""
    why = {name: found_in_pieces(file.pieces(name)) for name in names if file.is_long(name)}
    whole = [name for name in names if why.get(name) is None]
    found = {name: decide(name, column, where) for name, column in zip(whole, file.columns(whole), strict=True)}
    return {name: found[name] if name in found else dropped(name, str(why[name])) for name in names}


def shortened(notes: list[str]) -> list[str]:
    """The first sentences of many; all that they say of columns is in the summary as well."""
    more = len(notes) - MOST_NOTES
    return [*notes[:MOST_NOTES], f"{more:,} more such sentences are left out: see summary.json"] if more > 1 else notes
