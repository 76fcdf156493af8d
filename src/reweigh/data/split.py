"""Setting a small clean set apart.

Both papers learn from a large set that nobody checked and a small one that somebody did. Here the small one
is taken out of a set whose labels are known to be right, before the rest is corrupted. The first paper
assumes that the clean set is part of the training set as well, and its released code leaves it out:
`keep_in_train` chooses.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import BadInput
from ..tasks.checks import check_labels
from .checks import IntArray, check_classes, check_count, rows_of_class, to_array
from .seeds import stream


@dataclass(frozen=True, eq=False)
class Split:
    """Rows of a data set, ascending: (N - M,) to train on, or (N,) with `keep_in_train`; and (M,) clean."""

    train: Tensor
    clean: Tensor

    @property
    def clean_in_train(self) -> Tensor:
        """(len(train),) bool: which of the training rows are clean ones, that a corruption should spare."""
        return torch.isin(self.train, self.clean)


def clean_split(
    labels: Tensor, per_class: int, seed: int, keep_in_train: bool = False, *, classes: int | None = None
) -> Split:
    """Take `per_class` examples of every class out of labels (N,); pure in its arguments.

    `classes` is C; by default it is the largest label plus one.

    Raises:
        BadInput: naming the first class that has too few examples, or if nothing is left to train on.
    """
    check_count(per_class, "the number of clean examples a class")
    count = int(labels.max()) + 1 if classes is None and labels.numel() else (classes or 0)
    check_labels(labels, check_classes(count, at_least=1))
    truth, random, picked = to_array(labels), stream(seed, "split:stratified"), []
    for label in range(count):
        rows = rows_of_class(truth, label)
        if rows.size < per_class:
            raise BadInput(
                f"class {label} has {rows.size} examples but {per_class} clean ones a class are wanted: "
                "ask for fewer, or add examples of that class"
            )
        picked.append(torch.from_numpy(random.permutation(rows)[:per_class]))
    return _split(truth.size, torch.cat(picked), keep_in_train)


def random_clean_split(size: int, total: int, seed: int, keep_in_train: bool = False) -> Split:
    """Take `total` of `size` examples, whatever their classes, as the released CIFAR code does.

    A class may be missing from such a clean set, and is then never weighed up.

    Raises:
        BadInput: if `total` is below 1 or leaves nothing to train on.
    """
    check_count(total, "the number of clean examples")
    if total > size:
        raise BadInput(f"{total} clean examples are wanted but the data set has {size}: ask for fewer")
    drawn: IntArray = stream(seed, "split:random").permutation(size)[:total]
    return _split(size, torch.from_numpy(drawn), keep_in_train)


def _split(size: int, clean: Tensor, keep_in_train: bool) -> Split:
    in_train = torch.ones(size, dtype=torch.bool)
    in_train[clean] = keep_in_train
    if not in_train.any():
        raise BadInput(f"all {size} examples would be clean and none left to train on: ask for fewer clean ones")
    return Split(train=in_train.nonzero().flatten(), clean=clean.sort().values)
