"""The examples' ids, which the Trainer drops as columns that the model does not read: a report names examples by them."""

from collections.abc import Callable, Mapping
from numbers import Integral
from typing import Any

import torch
from torch import Tensor

from reweigh.fields import ID_NAMES


class KeepsIds:
    """A collator around another, which sees examples without their ids; whole numbers come back as a tensor, (B,)."""

    def __init__(self, collate: Callable[[list[Any]], Any]) -> None:
        self._collate = collate

    def __call__(self, examples: list[Any]) -> Any:
        """The batch of these examples."""
        first = examples[0]
        names = [name for name in ID_NAMES if isinstance(first, Mapping) and name in first and _whole(first[name])]
        if not names:
            return self._collate(examples)
        batch = self._collate([{key: value for key, value in e.items() if key not in names} for e in examples])
        if isinstance(batch, Mapping):
            batch = dict(batch) | {name: torch.tensor([int(e[name]) for e in examples]) for name in names}
        return batch


def id_columns(dataset: Any) -> list[str]:
    """The columns of whole numbers among those of a `datasets.Dataset` that are called as ids are."""
    types = {name: str(getattr(feature, "dtype", "")) for name, feature in dataset.features.items()}
    return [name for name in ID_NAMES if types.get(name, "").startswith(("int", "uint"))]


def _whole(value: Any) -> bool:
    if isinstance(value, Tensor):
        return value.ndim == 0 and not value.is_floating_point()
    return isinstance(value, Integral) and not isinstance(value, bool)
