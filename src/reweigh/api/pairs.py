"""Inputs and their targets apart: of frames, series, arrays, tensors, lists, texts."""

from typing import Any

import numpy as np

from reweigh.api.containers import are_texts
from reweigh.api.tables import as_table, collected, is_frame, off_device
from reweigh.errors import BadInput, require

TEXT = "text"


def is_pair(data: Any) -> bool:
    """Whether it is (x, y)."""
    return isinstance(data, tuple) and len(data) == 2 and all(hasattr(part, "__len__") for part in data)


def joined(x: Any, y: Any, role: str, target: str | None) -> Any:
    """A frame of inputs and its targets, a series or a frame, as one."""
    _check_index(x, y, role)
    if is_frame(y):
        if len(names := column_names(y)) > 1:
            raise BadInput(
                f"{role}= is a pair of frames: put the targets into the first, and name their columns by target="
            )
        target, y = target or names[0], collected(y)[names[0]]
    name = str(target or getattr(y, "name", None) or "target")
    if name in column_names(x):
        raise BadInput(f"x of {role}= has a column {name!r} already, as y is called: take it out, or name y otherwise")
    pa = require("pyarrow", "cli")
    table, _ = as_table(x, role)
    if table.num_rows != len(y):
        raise BadInput(f"x of {role}= has {table.num_rows} rows and y has {len(y)}: give one target a row")
    y = off_device(y)
    return table.append_column(name, pa.array(y if hasattr(y, "dtype") else list(y), from_pandas=True))


def inputs(x: Any, role: str) -> Any:
    """An array of numbers, of an array, a tensor or lists."""
    found = np.asarray(off_device(x))
    if found.dtype == object:
        raise BadInput(
            f"x of {role}= holds other things than numbers: give columns of several kinds as a pandas or polars frame"
        )
    return found


def targets(y: Any, role: str) -> Any:
    """An array of numbers or words; where nothing stands among words, an empty one."""
    found = np.asarray(off_device(y))
    if found.ndim == 2 and found.shape[1] == 1:  # a column, as some libraries hand them out
        found = found[:, 0]
    if found.dtype.kind not in "OT":
        return found
    if found.ndim != 1:
        raise BadInput(f"y of {role}= has shape {found.shape} and holds objects: give one label or number an example")
    pa = require("pyarrow", "cli")
    try:
        cells = pa.array(found.astype(object), from_pandas=True)
    except pa.ArrowException as refused:
        raise BadInput(f"y of {role}= holds values of several types: give words only, or numbers only") from refused
    if not pa.types.is_string(cells.type):
        return cells.to_numpy(zero_copy_only=False)
    return np.array(cells.fill_null("").to_pylist(), dtype=str)


def name_of(y: Any) -> str | None:
    """What a series is called, or the only column of a frame."""
    name = column_names(y)[0] if is_frame(y) else getattr(y, "name", None)
    return None if name is None else str(name)


def with_texts(data: Any, role: str, column: str = TEXT) -> Any:
    """Of texts and their targets the texts as a column of this name; other data as they are."""
    if not is_pair(data) or not are_texts(data[0]):
        return data
    x, y = data
    _check_index(x, y, role)
    return {column: list(x)}, y


def _check_index(x: Any, y: Any, role: str) -> None:
    """What pandas would join by its labels is not joined by position without a word."""
    here, there = (part.index if hasattr(part, "iloc") else None for part in (x, y))
    if here is not None and there is not None and not there.equals(here):
        raise BadInput(
            f"x and y of {role}= have different indexes: give y.loc[x.index], or y.to_numpy() to go by position"
        )


def column_names(data: Any) -> list[str]:
    """Of a frame of any kind."""
    if isinstance(data, dict):
        return [str(name) for name in data]
    if hasattr(data, "collect_schema"):
        return list(data.collect_schema().names())
    return [str(name) for name in (data.column_names if hasattr(data, "column_names") else data.columns)]
