"""Where a batch keeps its labels and its ids, where the user does not say: by the usual names."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, as_tensor

from reweigh._types import Batch
from reweigh.errors import BadInput

LABEL_NAMES = ("y", "label", "labels", "target", "targets")
ID_NAMES = ("id", "ids", "index", "idx")


def labels_in(batch: Batch) -> Tensor:
    """The given labels, (B,): `batch["y"]` and the like, or the second item of a tuple.

    Raises:
        BadInput: if there is nothing of the kind.
    """
    if isinstance(batch, Mapping):
        return _tensor(_first(batch, LABEL_NAMES, "labels"))
    if isinstance(batch, tuple | list) and len(batch) > 1:
        return _tensor(batch[1])
    raise BadInput(
        f"no labels found in a batch of type {type(batch).__name__}: pass labels=, a function from a batch to "
        "a (B,) tensor"
    )


def ids_in(batch: Batch) -> Any:
    """The examples' ids: `batch["id"]` and the like, (B,), or where they are words or tuples a list; None without any."""
    if isinstance(batch, Mapping):
        for name in ID_NAMES:
            if name in batch:
                found = batch[name]
                try:
                    return as_tensor(found)
                except (TypeError, ValueError, RuntimeError):
                    return found
    return None


def _tensor(labels: Any) -> Tensor:
    try:
        return as_tensor(labels)
    except (TypeError, ValueError, RuntimeError) as error:
        raise BadInput(
            f"the labels in the batch are a {type(labels).__name__} that makes no tensor: number the classes 0, 1, …, or "
            "pass labels=, a function from a batch to a (B,) tensor"
        ) from error


def _first(batch: Mapping[str, Any], names: tuple[str, ...], what: str) -> Any:
    for name in names:
        if name in batch:
            return batch[name]
    raise BadInput(
        f"no {what} found in the batch, which has {', '.join(map(repr, batch))}: pass {what}=, a function from "
        "a batch to a (B,) tensor"
    )
