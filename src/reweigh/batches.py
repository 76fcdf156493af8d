"""What a batch may be, wherever the library looks into one, and how it is gone through.

The loss alone says what a batch is. The library looks into it for labels and ids, for the rows of a clean set, for the
examples with a weight, and for inputs that require gradients. It finds tensors in tuples, lists, NamedTuples, dicts and
other mappings (BatchEncoding among them), dataclasses and plain objects with attributes, nested as they come.
"""

import copy
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from reweigh.errors import BadInput

KINDS = "a tensor, a tuple, list, NamedTuple, dict or other mapping, a dataclass, or an object with attributes"
"""For sentences."""
Path = tuple[Any, ...]
"""The keys that lead to a place in a batch, from the outside in."""


def fields_of(value: Any) -> dict[Any, Any] | None:
    """What a container holds, by key, index or attribute name; None for what is no container."""
    if isinstance(value, Tensor | nn.Module | str | bytes | type) or value is None:
        return None
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return dict(zip(value._fields, value, strict=True))
    if isinstance(value, tuple | list):
        return dict(enumerate(value))
    if dataclasses.is_dataclass(value):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value) if hasattr(value, f.name)}
    attributes = getattr(value, "__dict__", None)
    return dict(attributes) if isinstance(attributes, dict) and not callable(value) else None


def rebuilt(value: Any, fields: Mapping[Any, Any]) -> Any:
    """A container of the same kind with these fields in the place of its own; the original is not touched.

    Raises:
        TypeError: where a container of this kind cannot be made.
    """
    if type(value) is dict:
        return dict(fields)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(**fields)
    if isinstance(value, tuple | list):
        return type(value)(fields.values())
    new = copy.copy(value)
    for key, item in fields.items():
        if isinstance(value, Mapping):
            new[key] = item
        else:
            object.__setattr__(new, key, item)
    return new


def replaced(value: Any, change: Callable[[Path, Any], Any], path: Path = ()) -> Any:
    """The batch with `change(path, part)` in the place of each part for which that is not the part itself.

    Asked from the outside in; what has been changed is not gone into.
    """
    if (new := change(path, value)) is not value:
        return new
    fields = fields_of(value)
    if fields is None or len(path) > DEEPEST:
        return value
    found = {key: replaced(item, change, (*path, key)) for key, item in fields.items()}
    return value if all(found[key] is item for key, item in fields.items()) else rebuilt(value, found)


def parts_of(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every part of a batch that is no container, with the way to it."""
    fields = fields_of(value) if len(path) <= DEEPEST else None
    if fields is None:
        yield path, value
        return
    for key, item in fields.items():
        yield from parts_of(item, (*path, key))


def tensors_of(batch: Any) -> Iterator[Tensor]:
    """All tensors of a batch."""
    return (part for _, part in parts_of(batch) if isinstance(part, Tensor))


DEEPEST = 12
BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
"""Parts of models that look at a batch as a whole in training, and keep statistics of it."""


class Parts:
    """Several batches in the place of one, for `Reweigher.backward`: one step is made of them, and one is held at a time.

    Args:
        batches: at least one.

    Raises:
        BadInput: for none, and where somebody looks into the whole.
    """

    def __init__(self, batches: Sequence[Any]) -> None:
        if not batches:
            raise BadInput("no batch is given: make a step of one at least")
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, key: Any) -> Any:
        raise BadInput(
            "several batches that make one step cannot be looked into as one, which this rule or loss does: take each by "
            "itself"
        )


def found_in(batch: Any, look_up: Callable[[Any], Any]) -> Any:
    """What is looked up in a batch; in parts that of each, one behind the other, or None where one has none."""
    if not isinstance(batch, Parts):
        return look_up(batch)
    each = [look_up(part) for part in batch.batches]
    return None if any(part is None for part in each) else torch.cat([torch.as_tensor(part) for part in each])
