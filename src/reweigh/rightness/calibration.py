"""From log-odds that were learnt with as many right labels as wrong ones to those that hold in a training set."""

from dataclasses import dataclass, fields
from typing import Any, Self

import torch
from torch import Tensor

from reweigh.rightness.shares import shares_by_cell, shares_of_groups
from reweigh.rightness.verifier import log_odds_of_right

MOST = 8.0
"""Log-odds beyond say no more: a regression on so few examples cannot be surer."""


@dataclass(frozen=True)
class Calibration:
    """What expectation maximisation found of a training set.

    Attributes:
        groups: the shares of right labels and of each kind of wrong ones, (1 + kinds,).
        right: the share of right labels in each cell of a table, such as the pairs of given and suggested class, (K, K).
    """

    groups: Tensor
    right: Tensor

    @classmethod
    def of(cls, asked: Tensor, cells: tuple[Tensor, Tensor], shape: tuple[int, int] | None) -> Self:
        """From what a verifier says of the training set's labels, (n, 1 + kinds).

        Args:
            asked: that.
            cells: row and column of each label's cell, (n,).
            shape: of the table; None for one share for all.
        """
        groups = shares_of_groups(asked)
        logits = log_odds_of_right(asked, groups)[0].clamp(-MOST, MOST)
        if shape is not None:
            return cls(groups, shares_by_cell(logits, cells, shape))
        nothing = torch.zeros_like(cells[0])
        return cls(groups, shares_by_cell(logits, (nothing, nothing), (1, 1)))

    def log_odds(self, asked: Tensor, cells: tuple[Tensor, Tensor]) -> Tensor:
        """Of right against wrong, (n,), in this training set."""
        logits = log_odds_of_right(asked, self.groups)[0].clamp(-MOST, MOST)
        odds = torch.logit(self.right)
        return logits + (odds[cells] if odds.numel() > 1 else odds[0, 0])

    def state_dict(self) -> dict[str, Any]:
        """Tensors by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}
