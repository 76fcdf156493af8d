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
        return as_tensor(_first(batch, LABEL_NAMES, "labels"))
    if isinstance(batch, tuple | list) and len(batch) > 1:
        return as_tensor(batch[1])
    raise BadInput(
        f"no labels found in a batch of type {type(batch).__name__}: pass labels=, a function from a batch to "
        "a (B,) tensor"
    )


def ids_in(batch: Batch) -> Tensor | None:
    """The examples' ids, (B,): `batch["id"]` and the like; None where there are none."""
    if isinstance(batch, Mapping):
        for name in ID_NAMES:
            if name in batch:
                return as_tensor(batch[name])
    return None


def _first(batch: Mapping[str, Any], names: tuple[str, ...], what: str) -> Any:
    for name in names:
        if name in batch:
            return batch[name]
    raise BadInput(
        f"no {what} found in the batch, which has {', '.join(map(repr, batch))}: pass {what}=, a function from "
        "a batch to a (B,) tensor"
    )
