"""A part of the clean set held back for testing, where there is no test set.

The score must be measured on examples that had no part in learning, with labels that are right, and the clean set is
all there is. Each class gives its share, and keeps at least one example.
"""

import numpy as np
import numpy.typing as npt

from ...errors import BadInput
from ..seeds import stream
from .values import BoolArray

FEWEST = 4
"""Clean examples that can be divided."""


def hold_out(groups: npt.NDArray[np.int64] | None, size: int, share: float, seed: int) -> BoolArray:
    """(M,) which of the `size` clean examples are held back: of each group (M,), or of all where there are none.

    Raises:
        BadInput: there are too few to divide.
    """
    random, held = stream(seed, "own:hold-out"), np.zeros(size, dtype=bool)
    groups = np.zeros(size, dtype=np.int64) if groups is None else groups
    for group in np.unique(groups).tolist():
        rows = np.flatnonzero(groups == group)
        take = min(max(round(share * rows.size), 1), rows.size - 1)
        held[random.permutation(rows)[:take]] = True
    if size < FEWEST or not held.any():
        raise BadInput(
            f"{size} clean examples are too few to hold some back for testing: give a test set with --test, or check "
            "more, at least two of each class"
        )
    return held
