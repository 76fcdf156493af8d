"""Rows that are held in other ways than as columns: records, a bunch of scikit-learn's, a map-style data set of torch's."""

from collections.abc import Mapping
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, default_collate

from reweigh.api.tables import is_frame
from reweigh.errors import BadInput

MOST = 8 * 2**30
"""Bytes that a data set may take which is gone through."""


def opened(data: Any, role: str) -> Any:
    """The columns of a list of records, (x, y) of a bunch or of a torch data set; anything else as it is.

    A torch data set is gone through once, so that what it draws at random is drawn once.

    Args:
        data: whatever the caller has given.
        role: what it is called in messages.

    Raises:
        BadInput: for a data set without an end, or whose examples are no (x, y).
    """
    if _are_records(data):
        names = dict.fromkeys(str(name) for row in data for name in row)
        return {name: [row.get(name) for row in data] for name in names}
    if isinstance(data, Mapping) and hasattr(data, "target") and hasattr(data, "data"):
        return data["data"], data["target"]
    if isinstance(data, DataLoader):
        raise BadInput(f"{role} is a DataLoader, and batches are made here: give its data set (loader.dataset)")
    if isinstance(data, Dataset):
        return _of_torch(data, role)
    return data


def are_texts(data: Any) -> bool:
    """Whether it is a list, a tuple, an array or a series of texts, and nothing beside."""
    one_column = hasattr(data, "dtype") and not is_frame(data) and len(data.shape) == 1
    return (one_column or isinstance(data, list | tuple)) and len(data) > 0 and all(isinstance(x, str) for x in data)


def _are_records(data: Any) -> bool:
    return isinstance(data, list) and len(data) > 0 and all(isinstance(row, Mapping) for row in data)


def _of_torch(data: Any, role: str) -> Any:
    if isinstance(data, IterableDataset) or not hasattr(data, "__len__"):
        raise BadInput(
            f"{role} is a {type(data).__name__}, whose examples cannot be counted: give a map-style data set"
        )
    _check_size(data, role)
    rows = [data[place] for place in range(len(data))]
    if _are_records(rows):
        return opened([{name: _cell(value) for name, value in row.items()} for row in rows], role)
    if not rows or not all(isinstance(row, tuple | list) and len(row) == 2 for row in rows):
        raise BadInput(
            f"{role} is a {type(data).__name__} whose examples are no (x, y): give one that returns an input and its "
            "target, or a frame, or a source (reweigh.data.Source)"
        )
    try:
        x = torch.stack([torch.as_tensor(x) for x, _ in rows])
    except (TypeError, ValueError, RuntimeError) as refused:
        raise BadInput(
            f"{role} is a {type(data).__name__} whose inputs are no tensors of one shape: let it return such, as "
            "torchvision's transforms do, or give a frame"
        ) from refused
    return x, default_collate([y for _, y in rows])


def _check_size(data: Any, role: str) -> None:
    """By its first example: what is gone through once lies in memory as a whole."""
    first = data[0] if len(data) else ()
    parts = first.values() if isinstance(first, Mapping) else first if isinstance(first, tuple | list) else ()
    bytes_ = sum(getattr(part, "nbytes", 0) for part in parts)
    if (whole := len(data) * bytes_) > MOST:
        raise BadInput(
            f"{role} is a {type(data).__name__} whose {len(data):,} examples would take {whole / 2**30:.0f} GiB of memory: "
            "give a source, which hands out batches (reweigh.data.Source), or a folder of images"
        )


def _cell(value: Any) -> Any:
    """A number or a text as Python has it."""
    return value.item() if isinstance(value, torch.Tensor) and value.numel() == 1 else value
