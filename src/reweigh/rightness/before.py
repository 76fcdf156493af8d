"""What checked examples were called before somebody checked them: the only mistakes that are known to be real.

A clean set is often a part of the training set that somebody went over. Then it says not only what is right, but how often
labels as given are wrong, and how doubtful those look that are. That holds of the others where examples were picked at
random, by their given class, until there were as many of each right class, or by how doubtful they look. Where somebody kept
what was found wrong alone, they look more doubtful than the others, and say nothing of these.
"""

from dataclasses import dataclass
from typing import NamedTuple, Self

import torch
from torch import Tensor

from reweigh.rightness.in_line import InLine
from reweigh.rightness.shares import wilson

LEAST = 20
"""So many labels tell how many are wrong, also where the verifier cannot tell right ones from wrong ones."""


class Before(NamedTuple):
    """k labels as they were given, of examples that are checked now.

    Attributes:
        ids: of those examples, (k,); one that stood there twice has two.
        targets: what they were called, (k, ...).
    """

    ids: Tensor
    targets: Tensor

    def among(self, ids: Tensor) -> "Before":
        """Of the examples with these ids (m,) alone; by their positions there in the place of ids."""
        order = ids.argsort()
        place = torch.searchsorted(ids[order], self.ids).clamp_max(max(len(ids) - 1, 0))
        found = order[place] if len(ids) else place
        there = ids[found] == self.ids if len(ids) else torch.zeros(len(self.ids), dtype=torch.bool)
        return Before(found[there], self.targets[there])


@dataclass(frozen=True)
class Relabelled:
    """What came of it when labels as given were checked.

    Attributes:
        labels: how many were.
        wrong: how many of those were wrong.
        alike: whether they look like the labels that nobody checked; else they tell nothing of these.
        in_line: what brings the verifier's log-odds in line with them, where they are alike and some were wrong: where none
            was, somebody may have corrected them in the training set too, and left the others as they were.
    """

    labels: int
    wrong: int
    alike: bool = True
    in_line: InLine | None = None

    @classmethod
    def of(cls, before: Before, targets: Tensor) -> Self:
        """Of the right targets (m, ...), and what they were, by their positions there."""
        same = (before.targets == targets[before.ids]).view(len(before.ids), -1).all(1)
        return cls(len(same), int((~same).sum()))

    @property
    def enough(self) -> bool:
        """Whether they tell how many labels are wrong, also where made mistakes cannot be told from right labels."""
        return self.in_line is not None and self.labels >= LEAST

    @property
    def interval(self) -> tuple[float, float]:
        """Between what the share of wrong ones lies with 95 %, if they were picked at random (Wilson)."""
        return wilson(self.wrong / self.labels, self.labels)

    def sentence(self) -> str:
        """For people."""
        if not self.wrong:
            return f"those {self.labels:,} that were checked have the same label there, as if they had been corrected"
        found = f"of {self.labels:,} that were checked {self.wrong:,} had another label"
        if self.alike:
            return found
        return f"{found}, which says nothing of the others: they were not picked at random, since they look different"
