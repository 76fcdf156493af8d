"""Decisions as a caller has them: a file, or a table in memory."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reweigh.api.tables import as_table, is_frame
from reweigh.apply import Decision, decisions_of
from reweigh.errors import BadInput


def decisions_given(data: Any) -> Path | str | Sequence[Decision] | None:
    """The decisions of a path, a frame or a list of mappings with the columns id, given, decision and label.

    Raises:
        BadInput: if they are of another kind, or a row is no decision.
    """
    if data is None or isinstance(data, Path | str):
        return data
    if is_frame(data):
        data = as_table(data, "decisions")[0].to_pylist()
    if not isinstance(data, Sequence) or not all(isinstance(row, dict) for row in data):
        raise BadInput(
            f"decisions= is a {type(data).__name__}: give a path, a frame or dicts with id, given, decision and label"
        )
    return decisions_of((row, f"row {place} of decisions") for place, row in enumerate(data))
