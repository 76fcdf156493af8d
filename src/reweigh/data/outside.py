"""Sources written outside the package: by the name of their code, `module:name`, or as objects handed over in Python.

A run writes down the name. No file of a run chooses code, so a name means something only in a process whose user has said it
(`use_source`) or has handed over the object (`hand_over`).
"""

import hashlib
import re
import weakref
from collections.abc import MutableMapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import BadInput
from ..named_code import current_folder_first, first_line, named_code
from ..tasks import Task
from .examples import Examples
from .source import Source, examples_at
from .stored import Array, Stored

_NAME = re.compile(r"[A-Za-z_][\w.]+:[A-Za-z_][\w.\-]*")
_named: dict[str, Source] = {}
_given: MutableMapping[str, Any] = weakref.WeakValueDictionary()  # whoever handed one over keeps it


def is_outside(name: str | None) -> bool:
    """Whether a setting that names data names code, `module:name`."""
    return name is not None and bool(_NAME.fullmatch(name))


def use_source(name: str | None) -> None:
    """The user names this source: its code may be run from here on; nothing where it is a path or is known.

    Raises:
        BadInput: if there is no such code, or what it gives is no source.
    """
    if name is None or not is_outside(name) or name in _named or name in _given:
        return
    with current_folder_first():
        made = named_code(name, "train", "source")
        try:
            found = made() if isinstance(made, type) or not isinstance(made, Source) else made
        except BadInput:
            raise
        except Exception as failed:  # whatever the user's code raises
            raise BadInput(f"the source {name!r} cannot be made: {first_line(failed)}") from failed
    _named[name] = checked(found, repr(name))


def use_sources(*names: str | None) -> None:
    """The user names these, where they are sources.

    Raises:
        BadInput: as `use_source`.
    """
    for name in names:
        use_source(name)


def hand_over(source: Any) -> str:
    """The name by which a run knows an object; the same for the same ids and targets."""
    kind = type(source).__name__
    name = f"object:{kind}-{digest_of(checked(source, kind))}"
    _given[name] = source
    return name


def is_source(data: Any) -> bool:
    """Whether an object is a source, rather than a table with columns of such names."""
    return isinstance(data, Source) and isinstance(data.task, Task)


def source_named(name: str) -> Source:
    """The source that was named or handed over.

    Raises:
        BadInput: if it was not, in this process.
    """
    found = _named.get(name) or _given.get(name)
    if found is None:
        how = (
            "hand the object over again, reweigh.load(folder, sources=[...])"
            if name.startswith("object:")
            else f"if you trust it, name it yourself with --train {name}, or reweigh.load(folder, sources=[{name!r}])"
        )
        raise BadInput(f"the data {name!r} are code of somebody's own, which is not used because a file says so: {how}")
    return found


def digest_of(source: Source) -> str:
    """A hash of the ids and targets of a source."""
    whole = hashlib.blake2b(digest_size=8)
    for column in (source.ids, source.y):
        whole.update(np.ascontiguousarray(column.numpy()).data)
    return whole.hexdigest()


def checked(source: Any, whose: str) -> Source:
    """`source`, once it has all that one needs.

    Raises:
        BadInput: naming what is missing.
    """
    lacking = [name for name in ("__len__", "ids", "y", "task") if not hasattr(source, name)]
    if not lacking and not (hasattr(source, "batch") or hasattr(source, "__getitem__")):
        lacking = ["batch"]
    if lacking:
        raise BadInput(f"the source {whose} has no {lacking[0]!r}: see reweigh.data.Source for what a source has")
    if not isinstance(source.task, Task):
        raise BadInput(f"the task of the source {whose} is a {type(source.task).__name__}: give one of reweigh.tasks")
    for name in ("ids", "y"):
        if not isinstance(getattr(source, name), Tensor) or len(getattr(source, name)) != len(source):
            raise BadInput(f"{name!r} of the source {whose} is no tensor of {len(source):,}: give one value an example")
    return source  # type: ignore[no-any-return]


def examples_of(source: Source) -> Examples:
    """The source as `Examples` whose inputs are asked for when they are needed.

    Raises:
        BadInput: if ids or targets cannot be used.
    """
    if isinstance(source, Examples):
        return source
    if not len(source):
        raise BadInput(f"the source {type(source).__name__} has no examples: give at least one")
    return Examples(_Asked(source), source.y, source.ids, source.task.classes, task=source.task)


class _Asked(Stored):
    """The inputs of a source."""

    def __init__(self, source: Source) -> None:
        self._source = source
        first = examples_at(source, torch.zeros(1, dtype=torch.int64))["x"]
        self.shape, self.dtype = (len(source), *first.shape[1:]), first.dtype

    def take(self, rows: Array) -> Tensor:
        """Those rows."""
        if not len(rows):
            return torch.empty((0, *self.shape[1:]), dtype=self.dtype)
        found = examples_at(self._source, torch.from_numpy(np.asarray(rows, dtype=np.int64)))["x"]
        if len(found) != len(rows):
            kind = type(self._source).__name__
            raise BadInput(f"{kind} gave {len(found)} inputs for {len(rows)} rows: give one a row, in their order")
        return found
