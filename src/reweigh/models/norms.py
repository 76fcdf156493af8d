"""Which normalisation a convolutional network uses.

It matters more here than elsewhere. BatchNorm in train mode lets the examples of a batch see each other, so
"the gradient of one example's loss" depends on its companions; GroupNorm looks at one example alone. Both
are offered under one name, so that a recipe can change one word and compare.
"""

import math
from collections.abc import Callable
from typing import Literal, TypeAlias

from torch import nn

from reweigh.errors import BadInput

NormName: TypeAlias = Literal["batch", "group"]
"""`"batch"`: BatchNorm2d. `"group"`: GroupNorm with at most 8 groups."""

Norm: TypeAlias = Callable[[int], nn.Module]
"""From a number of channels to a fresh normalisation layer."""


def group_norm(channels: int) -> nn.GroupNorm:
    """GroupNorm in as many groups as divide both 8 and `channels`."""
    return nn.GroupNorm(math.gcd(8, channels), channels)


def choose_norm(name: str) -> Norm:
    """The layer that `name` ("batch" or "group") stands for.

    Raises:
        BadInput: if the name is neither.
    """
    if name == "batch":
        return nn.BatchNorm2d
    if name == "group":
        return group_norm
    raise BadInput(f"norm={name!r} is unknown: use 'batch' or 'group'")
