"""Random streams that belong to one purpose.

The noise, the clean split and the imbalance of one experiment usually share one seed. Were they to share one
stream as well, the first rows drawn for the clean set would be the first rows drawn for the noise, so every
purpose gets its own stream, and the global generators are never touched.
"""

import operator
import zlib

import numpy as np

from ..errors import BadInput


def stream(seed: int, purpose: str) -> np.random.Generator:
    """A generator of its own for `purpose`; the same `(seed, purpose)` always gives the same numbers.

    Raises:
        BadInput: if `seed` is not a whole number of at least 0.
    """
    try:
        number = operator.index(seed)
    except TypeError as wrong:
        raise BadInput(f"the seed is {seed!r}, which is not a whole number: give an integer of at least 0") from wrong
    if number < 0:
        raise BadInput(f"the seed is {number}, which is negative: give an integer of at least 0")
    return np.random.default_rng([number, zlib.crc32(purpose.encode())])
