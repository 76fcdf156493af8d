"""Rows of own data as they were read, by their ids: what a person wants to see of an example, and where it stands.

Where only some rows are asked for no others are kept, so a table of any length can be looked into.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from reweigh.audit.audit import Audit
from reweigh.data.outside import is_outside
from reweigh.data.own import Encoding, Sources
from reweigh.data.own.paths import open_table
from reweigh.data.own.places import places_in

COLUMNS, CELL, TEXT = 8, 60, 500


def rows_as_read(audit: Audit, rows: Sequence[int]) -> dict[int, list[tuple[str, str]]]:
    """For some rows of an audit of tables or texts, (column, value) of its first filled columns; of texts the text alone."""
    encoding = audit.encoding
    if encoding is None or encoding.kind not in ("table", "text") or not isinstance(audit.run.config.data, Sources):
        return {}
    wanted = {int(audit.examples.ids[row]): row for row in rows}
    found, first = {}, 0
    for batch in open_table(audit.run.config.data.train).batches():
        for identity in [i for i in wanted if first <= i < first + len(batch)]:
            cells = batch.slice(identity - first, 1).to_pylist()[0]
            found[wanted[identity]] = _shown(cells, encoding)
        first += len(batch)
        if first > max(wanted, default=0):
            break
    return found


def places_of(audit: Audit, rows: npt.NDArray[np.int64]) -> dict[str, Any]:
    """`file` and `line` (as a spreadsheet counts) of some rows of an audit (n,), as columns; of pictures the file alone.

    Nothing of a known data set, of arrays, and of what somebody's own code hands out.
    """
    sources = audit.run.config.data
    if not isinstance(sources, Sources) or is_outside(sources.train):
        return {}
    found = places_in(sources.train)
    return {} if found is None else found.columns(audit.examples.ids.numpy()[rows])


def inputs_of(audit: Audit, rows: npt.NDArray[np.int64]) -> dict[str, Any]:
    """What some rows of an audit (n,) were learnt from, by name: the columns of a table without its target, or the text."""
    sources, encoding = audit.run.config.data, audit.encoding
    if encoding is None or encoding.kind not in ("table", "text") or not isinstance(sources, Sources):
        return {}
    table = open_table(sources.train).table()
    aside = {*encoding.targets, encoding.reader.get("id")}
    text = encoding.reader.get("column")
    names = [text] if text is not None else [name for name in table.column_names if name not in aside]
    ids = audit.examples.ids.numpy()[rows]
    return {str(name): table.column(name).take(ids) for name in names}


def _shown(cells: dict[str, Any], encoding: Encoding) -> list[tuple[str, str]]:
    text = encoding.reader.get("column") if encoding.kind == "text" else None
    if text in cells:
        return [(str(text), _cut(cells[str(text)], TEXT))]
    inputs = [(name, _cut(value, CELL)) for name, value in cells.items() if name not in encoding.targets]
    return [(name, value) for name, value in inputs if value][:COLUMNS]


def _cut(value: Any, length: int) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= length else text[: length - 1] + "…"
