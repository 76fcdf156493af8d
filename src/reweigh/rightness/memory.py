"""What was said of each example at its visits, kept while a model trains: the verdict is about all of them, not the last.

An example is judged by what was said before it was learnt by heart, and one visit's word is noisy. So the log-odds are
averaged over visits, each new one counting a fifth. Nothing is changed in place: a call that fails leaves what was.
"""

from dataclasses import dataclass, fields, replace
from typing import Any, Self

import torch
from torch import Tensor

_NEW = 0.2


@dataclass(frozen=True)
class Memory:
    """N examples that were seen.

    Attributes:
        ids: ascending, (N,), int64.
        asked: mean log-odds of the kinds of wrong labels against right, (N, 1 + kinds), the first column zero.
        given, suggested: the given label, and the most likely other one at the last visit, (N,), int64.
    """

    ids: Tensor
    asked: Tensor
    given: Tensor
    suggested: Tensor

    @classmethod
    def none(cls, groups: int) -> Self:
        """Before the first visit, of a verifier of so many groups."""
        nothing = torch.empty(0, dtype=torch.int64)
        return cls(nothing, torch.empty(0, groups, dtype=torch.double), nothing, nothing)

    def __len__(self) -> int:
        """N."""
        return len(self.ids)

    def find(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """The row of each id, (B,), and whether it is there, (B,), bool."""
        if not len(self.ids):
            return torch.zeros_like(ids), torch.zeros_like(ids, dtype=torch.bool)
        rows = torch.searchsorted(self.ids, ids).clamp_max(len(self.ids) - 1)
        return rows, self.ids[rows] == ids

    def with_visit(self, ids: Tensor, asked: Tensor, given: Tensor, suggested: Tensor) -> Self:
        """A batch was visited: (B,), (B, 1 + kinds), (B,), (B,)."""
        rows, known = self.find(ids)
        grown = self if bool(known.all()) else self._with_new(ids[~known], asked[~known])
        rows, _ = grown.find(ids)
        mean, old_given, old_suggested = grown.asked.clone(), grown.given.clone(), grown.suggested.clone()
        mean[rows] = torch.where(known[:, None], (1 - _NEW) * grown.asked[rows] + _NEW * asked, asked)
        old_given[rows], old_suggested[rows] = given, suggested
        return replace(grown, asked=mean, given=old_given, suggested=old_suggested)

    def _with_new(self, ids: Tensor, asked: Tensor) -> Self:
        ids = ids.unique()
        together, order = torch.cat([self.ids, ids]).sort()
        more = torch.zeros(len(ids), asked.shape[1], dtype=torch.double)
        empty = torch.zeros_like(ids)
        return replace(
            self,
            ids=together,
            asked=torch.cat([self.asked, more])[order],
            given=torch.cat([self.given, empty])[order],
            suggested=torch.cat([self.suggested, empty])[order],
        )

    def state_dict(self) -> dict[str, Any]:
        """Tensors by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}
