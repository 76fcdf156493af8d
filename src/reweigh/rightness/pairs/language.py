"""Is a target in the language of the checked ones? By which tokens these have, of all that both sides have."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from reweigh.rightness.pairs.spoil import Sequences


class Language:
    """How much oftener a text's tokens stand in checked targets than in all texts together.

    A student that reads many pairs in a wrong language learns that as well, and finds them as right as others: what
    tells them apart is that nobody has checked a target with such words.

        likeness = (1/T) Σ_t log((c_t + 1) / (N p_t + 1))

    over a text's T tokens, with c_t how often a token stands in the N tokens of checked targets, and p_t its share of all
    texts on both sides. Tokens so rare that none is to be expected among the checked ones say nothing.

    Args:
        checked: targets that are right.
        texts: all sources and targets.
    """

    def __init__(self, checked: Sequences, texts: Sequences) -> None:
        self._each = [Counter(text) for text in checked]
        self._checked = Counter(token for text in checked for token in text)
        self._all = Counter(token for text in texts for token in text)
        self._size, self._whole = self._checked.total(), max(self._all.total(), 1)

    def __call__(self, targets: Sequences, own: Sequence[int | None]) -> Tensor:
        """Of n targets, (n,); `own` is which checked one each was made from, whose own tokens say nothing of it, or None."""
        return torch.tensor([self._of(text, row) for text, row in zip(targets, own, strict=True)], dtype=torch.double)

    def _of(self, text: Sequence[Any], row: int | None) -> float:
        mine = Counter[Any]() if row is None else self._each[row]
        share = (self._size - mine.total()) / self._whole
        each = [(self._checked[token] - mine[token] + 1) / (share * self._all[token] + 1) for token in text]
        return sum(map(math.log, each)) / max(len(each), 1)
