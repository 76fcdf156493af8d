"""Rows of own data as they were read, by their ids: what a person wants to see of an example, and where it stands.

Where only some rows are asked for no others are kept, so a table of any length can be looked into.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from reweigh.audit.audit import Audit
from reweigh.data.outside import is_outside
from reweigh.data.own import Encoding, Sources
from reweigh.data.own.image_files import find_images
from reweigh.data.own.paths import open_table
from reweigh.data.own.places import places_in
from reweigh.storage import home

COLUMNS, CELL, TEXT = 8, 60, 500


def rows_as_read(audit: Audit, rows: Sequence[int]) -> dict[int, list[tuple[str, str]]]:
    """For some rows of an audit of tables or texts, (column, value) of its first filled columns; of texts the text alone."""
    if not is_read(audit):
        return {}
    assert audit.encoding is not None
    found = cells_by_id(audit, audit.examples.ids[torch.as_tensor(rows, dtype=torch.int64)].tolist())
    return {row: _shown(found[int(audit.examples.ids[row])], audit.encoding) for row in rows}


def is_read(audit: Audit) -> bool:
    """Whether the examples are rows of a table of the user's own."""
    encoding = audit.encoding
    return encoding is not None and encoding.kind in ("table", "text") and isinstance(audit.run.config.data, Sources)


def cells_by_id(audit: Audit, ids: Iterable[int]) -> dict[int, dict[str, Any]]:
    """The cells, by column, of training and checked examples of a table, by their ids.

    Ids count through the training file, and then through the file of the checked ones.
    """
    sources = audit.run.config.data
    assert isinstance(sources, Sources)
    wanted, found, first = sorted(set(ids)), dict[int, dict[str, Any]](), 0
    for path in filter(None, (sources.train, sources.clean)):
        for batch in open_table(path).batches():
            low, high = (bisect_left(wanted, end) for end in (first, first + len(batch)))
            found |= {i: batch.slice(i - first, 1).to_pylist()[0] for i in wanted[low:high]}
            first += len(batch)
            if len(found) == len(wanted):
                return found
    return found


def places_of(audit: Audit, rows: npt.NDArray[np.int64]) -> dict[str, Any]:
    """`file` and `line` (as a spreadsheet counts) of some rows of an audit (n,), as columns; of pictures the file alone.

    Nothing of a known data set, of arrays, and of what somebody's own code hands out; a pair of texts is called by its line.
    """
    sources = audit.run.config.data
    if not isinstance(sources, Sources) or is_outside(sources.train) or audit.task.of_pairs:
        return {}
    found = places_in(sources.train)
    return {} if found is None else found.columns(audit.examples.ids.numpy()[rows])


def inputs_of(audit: Audit, rows: npt.NDArray[np.int64]) -> dict[str, Any]:
    """What some rows of an audit (n,) were learnt from, by name: the columns of a table without its target, or the text."""
    if not is_read(audit):
        return {}
    sources, encoding = audit.run.config.data, audit.encoding
    assert isinstance(sources, Sources)
    assert encoding is not None
    table = open_table(sources.train).table()
    aside = {*encoding.targets, encoding.reader.get("id")}
    text = encoding.reader.get("column")
    names = [text] if text is not None else [name for name in table.column_names if name not in aside]
    ids = audit.examples.ids.numpy()[rows]
    return {str(name): table.column(name).take(ids) for name in names}


def files_by_id(audit: Audit, ids: Iterable[int]) -> dict[int, Path]:
    """The files of training and checked pictures, by their ids, which count through both folders likewise."""
    sources = audit.run.config.data
    assert isinstance(sources, Sources)
    folders = [home(folder) for folder in (sources.train, sources.clean) if folder is not None]
    files = [folder / name for folder in folders for name in find_images(folder, labelled=True).names]
    return {i: files[i] for i in ids}


def _shown(cells: dict[str, Any], encoding: Encoding) -> list[tuple[str, str]]:
    text = encoding.reader.get("column") if encoding.kind == "text" else None
    if text in cells:
        return [(str(text), _cut(cells[str(text)], TEXT))]
    inputs = [(name, _cut(value, CELL)) for name, value in cells.items() if name not in encoding.targets]
    return [(name, value) for name, value in inputs if value][:COLUMNS]


def _cut(value: Any, length: int) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= length else text[: length - 1] + "…"
