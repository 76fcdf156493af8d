"""What holds the clean set, example by example: whether it does, how many there are, and batches of it by row numbers."""

import dataclasses
import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from torch import Tensor
from torch.utils.data import default_collate

from reweigh._types import Batch
from reweigh.batches import fields_of, rebuilt
from reweigh.errors import BadInput


def is_of_fields(source: Any) -> bool:
    """Whether it is the clean set itself, field by field: a mapping, a tuple of tensors, a dataclass or the like."""
    if isinstance(source, tuple):
        return hasattr(source, "_fields") or all(isinstance(t, Tensor) for t in source)
    if isinstance(source, Mapping) or (dataclasses.is_dataclass(source) and not isinstance(source, type)):
        return True
    if isinstance(source, Iterable | Tensor) or hasattr(source, "__getitem__"):
        return False
    return any(isinstance(field, Tensor) for field in (fields_of(source) or {}).values())


def row_count(fields: Mapping[Any, Any]) -> int:
    """How many examples the fields of a clean set have.

    Raises:
        BadInput: if one of them has no rows, or others have more.
    """
    unfit = [key for key, field in fields.items() if not _has_rows(field)]
    if unfit or not any(isinstance(field, Tensor | np.ndarray) for field in fields.values()):
        raise BadInput(
            "clean= is a dict or tuple, so each of its values must be a tensor with one row an example (or an array or list "
            f"of as many items){f', but {unfit[0]!r} is a {type(fields[unfit[0]]).__name__}' if unfit else ''}"
        )
    counts = sorted({len(field) for field in fields.values()})
    if len(counts) > 1:
        raise BadInput(f"the tensors of clean= have {counts} rows: all need one row an example")
    return counts[0]


def _has_rows(field: Any) -> bool:
    return (isinstance(field, Tensor | np.ndarray) and field.ndim > 0) or isinstance(field, list | tuple)


def _taken(field: Any, rows: Tensor) -> Any:
    if isinstance(field, Tensor):
        return field[rows.to(field.device)]
    if isinstance(field, np.ndarray):
        return field[rows.numpy()]
    return type(field)(field[i] for i in rows.tolist())


def field_batches(source: Any, fields: Mapping[Any, Any]) -> Callable[[Tensor], Batch]:
    """From row numbers, (M,), to a batch of the source's own kind."""
    return functools.partial(_rows_of_each, source, fields)


def _rows_of_each(source: Any, fields: Mapping[Any, Any], rows: Tensor) -> Batch:
    taken = {key: _taken(field, rows) for key, field in fields.items()}
    try:
        return rebuilt(source, taken)
    except Exception as refused:
        raise BadInput(
            f"clean= is a {type(source).__name__}, of which no batches can be made ({refused}): pass a Dataset, a "
            "DataLoader, a list of batches, or a dict of tensors"
        ) from refused


def dataset_batches(source: Any) -> Callable[[Tensor], Batch]:
    """From row numbers, (M,), to a batch of a Dataset's examples."""
    if hasattr(source, "batch"):  # reweigh's own data sets hand out whole batches
        return source.batch  # type: ignore[no-any-return]
    return functools.partial(_collated, source)


def _collated(source: Any, rows: Tensor) -> Batch:
    items = [source[i] for i in rows.tolist()]
    try:
        return default_collate(items)
    except (TypeError, RuntimeError) as refused:
        raise BadInput(
            f"the examples of clean= ({type(items[0]).__name__}) cannot be put together by PyTorch's default_collate: "
            "pass a DataLoader with the collate_fn of your training loader"
        ) from refused
