"""The clean set of a Trainer: batches, or examples that go through the Trainer's own collator as training examples do."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset

from reweigh import rng
from reweigh.errors import BadInput

if TYPE_CHECKING:
    from reweigh.hosts.transformers.trainer import ReweighTrainer


def clean_source(clean: Any, trainer: "ReweighTrainer") -> Any:
    """What the Reweigher takes for its clean set: `clean` itself where it holds batches, else `Collated` examples.

    Raises:
        BadInput: if it can only be gone through one example at a time.
    """
    if isinstance(clean, Mapping | DataLoader):
        return dict(clean) if isinstance(clean, Mapping) else clean
    if isinstance(clean, IterableDataset) or type(clean).__name__ == "IterableDataset":
        raise BadInput(
            "clean= is an IterableDataset, which yields examples one by one and in no order of ours: pass a Dataset, or a "
            "DataLoader over it"
        )
    if isinstance(clean, list | tuple):
        return Collated(clean, trainer) if clean and _is_example(clean[0], trainer.train_dataset) else clean
    if isinstance(clean, Dataset) or (hasattr(clean, "__getitem__") and hasattr(clean, "__len__")):
        return Collated(clean, trainer)
    return clean


class Collated(Dataset[Any]):
    """Examples whose batches the Trainer's collator makes, without the columns that the Trainer drops."""

    def __init__(self, examples: Any, trainer: "ReweighTrainer") -> None:
        self._examples, self._collate = trainer.examples_and_collator(examples, "clean")

    def __len__(self) -> int:
        return len(self._examples)

    def batch(self, rows: Tensor) -> dict[str, Any]:
        """The examples of these numbers, (M,). What a collator draws, such as masked words, follows from the numbers."""
        chosen = rows.tolist()
        with rng.kept():
            rng.seed(rng.mixed(*chosen))
            return dict(self._collate([self._examples[i] for i in chosen]))


def _is_example(item: Any, training: Any) -> bool:
    """Whether it is shaped like an example of the training set, rather than like a batch of them."""
    if not isinstance(item, Mapping):
        return False
    try:
        like = training[0]
    except (TypeError, KeyError, IndexError, NotImplementedError):
        return False
    shared = [name for name in item if isinstance(like, Mapping) and name in like]
    return bool(shared) and all(_dimensions(item[name]) == _dimensions(like[name]) for name in shared)


def _dimensions(value: Any) -> int:
    if isinstance(value, torch.Tensor | np.ndarray):
        return value.ndim
    return 1 + _dimensions(value[0]) if isinstance(value, list | tuple) and value else 0
