"""Where a batch keeps its labels and its ids, where the user does not say: by the usual names."""

from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor, as_tensor

from reweigh._types import Batch
from reweigh.batches import KINDS, fields_of
from reweigh.errors import BadInput

LABEL_NAMES = ("y", "label", "labels", "target", "targets")
ID_NAMES = ("id", "ids", "index", "idx")


def labels_in(batch: Batch) -> Tensor:
    """The given labels, (B,): `batch["y"]`, `batch.y` and the like, or the second item of a tuple.

    Of a list of examples that each have such a name, those of all.

    Raises:
        BadInput: if there is nothing of the kind.
    """
    found = _named(batch, LABEL_NAMES)
    if found is None and isinstance(batch, tuple | list) and len(batch) > 1:
        found = _of_each(batch, LABEL_NAMES) if _are_examples(batch) else batch[1]
    if found is None:
        held = f", which has {', '.join(map(repr, fields_of(batch) or {}))}" if _has_names(batch) else ""
        raise BadInput(
            f"no labels found in a batch of type {type(batch).__name__}{held}: pass labels=, a function from a batch to a "
            f"(B,) tensor; by themselves they are found under {', '.join(LABEL_NAMES)} in {KINDS}"
        )
    return _tensor(found, "labels")


def ids_in(batch: Batch) -> Any:
    """The examples' ids: `batch["id"]`, `batch.id` and the like, (B,), or a list of words or tuples; None without any."""
    found = _named(batch, ID_NAMES)
    if found is None and isinstance(batch, tuple | list) and _are_examples(batch):
        found = _of_each(batch, ID_NAMES)
    try:
        return None if found is None else as_tensor(found)
    except (TypeError, ValueError, RuntimeError):
        return found  # words for people


def _has_names(batch: Batch) -> bool:
    return isinstance(batch, Mapping) or not isinstance(batch, tuple | list | Tensor)


def _named(holder: Any, names: Iterable[str]) -> Any:
    """What it has under the first of these names, as a key or as an attribute; None where there is none."""
    for name in names:
        if isinstance(holder, Mapping):
            if name in holder:
                return holder[name]
        elif not isinstance(holder, Tensor):
            found = getattr(holder, name, None)
            if found is not None and not callable(found):  # a tuple has a method of the name index
                return found
    return None


def _are_examples(batch: Any) -> bool:
    """Whether a list holds one object an example, as lists of graphs do, and not one tensor a field."""
    return len(batch) > 0 and all(_has_names(item) and fields_of(item) is not None for item in batch)


def _of_each(batch: Any, names: tuple[str, ...]) -> Any:
    found = [_named(item, names) for item in batch]
    if any(item is None for item in found):
        return None
    return [item.item() if isinstance(item, Tensor) and item.numel() == 1 else item for item in found]


def _tensor(found: Any, what: str) -> Tensor:
    try:
        return as_tensor(found)
    except (TypeError, ValueError, RuntimeError) as refused:
        raise BadInput(
            f"the {what} found in the batch are a {type(found).__name__} that makes no tensor ({refused}): pass {what}=, a "
            "function from a batch to a (B,) tensor"
        ) from refused
