"""Checks of shares and counts that several rooms of `data` make in the same words."""

import math
import operator

import numpy as np
import numpy.typing as npt
from torch import Tensor

from ..errors import BadInput

IntArray = npt.NDArray[np.int64]


def check_classes(classes: int, at_least: int = 2) -> int:
    """The number of classes C, once it is known to be a whole number of at least `at_least`."""
    return check_count(classes, "the number of classes", at_least)


def check_count(count: int, what: str, at_least: int = 1) -> int:
    """A whole number of at least `at_least`; `what` begins the sentence that refuses any other."""
    try:
        number = operator.index(count)
    except TypeError as wrong:
        raise BadInput(f"{what} is {count!r}: give a whole number of at least {at_least}") from wrong
    if number < at_least:
        raise BadInput(f"{what} is {number}: give a whole number of at least {at_least}")
    return number


def check_share(rate: float, what: str) -> None:
    """`rate` is a finite number from 0 to 1."""
    if not (math.isfinite(rate) and 0 <= rate <= 1):
        raise BadInput(f"{what} is {rate}: give a share from 0 to 1, such as 0.4 for 40 %")


def to_array(labels: Tensor) -> IntArray:
    """Labels (N,) as a numpy array to read from; writing to it could write to the caller's tensor."""
    return np.asarray(labels.detach().cpu().numpy(), dtype=np.int64)


def rows_of_class(truth: IntArray, label: int) -> IntArray:
    """The rows (ascending) whose label is `label`."""
    return np.flatnonzero(truth == label).astype(np.int64)
