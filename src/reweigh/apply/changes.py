"""`changes.csv`: what was decided on which example, where that stood, and who said so."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from reweigh.apply.decisions import Decision
from reweigh.data.own.places import places_in
from reweigh.tables import write_table


def write_changes(
    path: Path, train: str, decisions: Sequence[Decision], rows: Sequence[int], by: Sequence[str]
) -> None:
    """Write the log in the order of the training file: decisions again, with `file`, `line` and `by` beside them."""
    order = sorted(range(len(rows)), key=lambda place: rows[place])
    ones, places = [decisions[place] for place in order], places_in(train)
    where = {} if places is None else places.columns(np.array([rows[place] for place in order], dtype=np.int64))
    told: dict[str, Any] = {
        "id": [one.id for one in ones],
        **where,
        "given": [one.given for one in ones],
        "decision": [one.word for one in ones],
        "label": [one.label for one in ones],
        "by": [by[place] for place in order],
    }
    write_table(path, told)
