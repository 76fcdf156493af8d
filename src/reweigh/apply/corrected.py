"""What is right of checked rows, where a column of the training file says it beside what they are called."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from reweigh.apply.labels import one_array
from reweigh.apply.subject import Subject
from reweigh.arrow import pa
from reweigh.data.own.values import MISSING_LABEL, as_words


class RightBeside(NamedTuple):
    """Rows of the training file whose right label is another: which, how it stands there, and the targets (n, ...)."""

    rows: list[int]
    texts: list[str]
    targets: Tensor


def right_beside(subject: Subject) -> RightBeside:
    """Those rows; none where no column says so.

    Raises:
        BadInput: naming a row whose cell is no label that was learnt.
    """
    column = subject.sources.clean_target
    if column is None:
        return RightBeside([], [], subject.labels.told([], []))
    words = as_words(one_array(subject.layout.targets(subject.sources.train, (column,))[0]), MISSING_LABEL)
    there = np.flatnonzero(words.is_valid().to_numpy(zero_copy_only=False))
    said = words.take(pa.array(there))
    right = subject.labels.targets([said], [f"row {row}" for row in there.tolist()])
    given = [one.take(pa.array(there)) for one in subject.labels.raw()]
    labelled = as_words(given[0], MISSING_LABEL).is_valid().to_numpy(zero_copy_only=False)
    same = subject.labels.same(right, subject.labels.encoded(given)).numpy() & labelled
    other = np.flatnonzero(~same)
    return RightBeside(there[other].tolist(), said.take(pa.array(other)).to_pylist(), right[torch.from_numpy(other)])
