"""Random streams that belong to one purpose.

The noise, the clean split and the imbalance of one experiment usually share one seed. Were they to share one
stream as well, the first rows drawn for the clean set would be the first rows drawn for the noise, so every
purpose gets its own stream, and the global generators are never touched.
"""

import zlib

import numpy as np

from .checks import check_count


def stream(seed: int, purpose: str) -> np.random.Generator:
    """A generator of its own for `purpose`; the same `(seed, purpose)` always gives the same numbers.

    Raises:
        BadInput: if `seed` is not a whole number of at least 0.
    """
    number = check_count(seed, "the seed", at_least=0)
    return np.random.default_rng([number, zlib.crc32(purpose.encode())])
