"""What is known of the labels of examples, by their ids: what a rule can weigh by that is made before training."""

from typing import NamedTuple

from torch import Tensor


class Known(NamedTuple):
    """Of N examples that are not checked.

    Attributes:
        ids: theirs, (N,), int64.
        right: the probability that an example's label is right, (N,).
    """

    ids: Tensor
    right: Tensor
