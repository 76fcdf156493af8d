"""The handwritten digits that ship with scikit-learn: 1,797 images of 8 by 8 pixels, no download.

They come in one piece. Every fifth image of each class is test, so the split is stratified and needs no
random numbers: it is the same on every machine and under every version. Ids are scikit-learn's row numbers.
"""

import torch
from torch import Tensor

from ..errors import require
from .class_names import DIGITS
from .examples import Examples, Splits

_TEST_EVERY = 5


def load_digits() -> Splits:
    """1,442 training and 355 test images, float32 (N, 1, 8, 8) within [0, 1].

    Raises:
        MissingExtra: scikit-learn is not installed.
    """
    raw = require("sklearn.datasets", "cli").load_digits()
    x = torch.as_tensor(raw.images, dtype=torch.float32).unsqueeze(1) / 16
    y = torch.as_tensor(raw.target, dtype=torch.int64)
    examples = Examples(x, y, torch.arange(len(y)), DIGITS)
    test = _test_rows(y)
    return Splits(examples.select(~test), examples.select(test))


def _test_rows(labels: Tensor) -> Tensor:
    """(N,) bool: the fifth, tenth, ... example of each class."""
    one_hot = torch.nn.functional.one_hot(labels)
    rank = (one_hot.cumsum(0) * one_hot).sum(1)  # 1 for the first example of its class
    return rank % _TEST_EVERY == 0
