"""The terms of texts that tell them apart: pieces, and pairs of neighbours, with the weight of each (TF-IDF).

A term counts for less, the more of the texts have it: its weight is 1 + ln((1 + n) / (1 + d)), with d of n texts that have
it (Salton and Buckley 1988). `models.text_body` makes numbers of a text's terms.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

MOST, LEAST_TEXTS = 2048, 2
"""The terms that most texts have are taken, of those that at least two have."""


class Terms(NamedTuple):
    """A piece t is the term (t, -1), two neighbours are (t, u); as many weights, and JSON values all of them."""

    pairs: list[list[int]]
    weights: list[float]

    @classmethod
    def found(cls, blocks: Iterable[npt.NDArray[np.int64]], padding: int, size: int) -> "Terms":
        """Those of some texts: token ids (B, T) below `size`, block by block."""
        counts, texts = _Counts(), 0
        for block in blocks:
            counts.add(_of_texts(block, padding, size))
            texts += len(block)
        keys, seen = counts.all()
        often = seen >= LEAST_TEXTS
        keys, seen = (keys[often], seen[often]) if often.any() else (keys, seen)
        best = np.sort(np.argsort(-seen, kind="stable")[:MOST])
        weights = 1 + np.log((1 + texts) / (1 + seen[best]))
        pairs = np.stack([keys[best] // (size + 1), keys[best] % (size + 1) - 1], 1)
        return cls(pairs.tolist(), np.round(weights, 6).tolist())

    def as_json(self) -> dict[str, Any]:
        """As a model's option."""
        return self._asdict()


def _of_texts(block: npt.NDArray[np.int64], padding: int, size: int) -> npt.NDArray[np.int64]:
    """The terms of each text, once a text, as one number each."""
    there = block != padding
    first = block * (size + 1)
    text = np.arange(len(block), dtype=np.int64)[:, None] * (size + 1) ** 2
    single = (first + text)[there]
    both = there[:, :-1] & there[:, 1:]
    pairs = (first[:, :-1] + block[:, 1:] + 1 + text)[both]
    return np.unique(np.concatenate([single, pairs])) % (size + 1) ** 2


class _Counts:
    """How often each key was seen."""

    def __init__(self) -> None:
        self._keys, self._seen = np.zeros(0, np.int64), np.zeros(0, np.int64)

    def add(self, keys: npt.NDArray[np.int64]) -> None:
        """Note these, with repetitions."""
        new, often = np.unique(keys, return_counts=True)
        self._keys, place = np.unique(np.concatenate([self._keys, new]), return_inverse=True)
        self._seen = np.bincount(place, np.concatenate([self._seen, often]), len(self._keys)).astype(np.int64)

    def all(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Keys in ascending order, and how often."""
        return self._keys, self._seen
