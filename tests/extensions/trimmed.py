"""A rule written outside the package: of each batch the share with the highest losses counts nothing (a trimmed loss)."""

from dataclasses import dataclass

import torch

from reweigh.rules import Rule, to_sum_one
from reweigh.rules.registry import rule


@dataclass(frozen=True)
class Options:
    """The share that is left out."""

    trimmed: float = 0.4


@rule("trimmed", options=Options, title="trimmed loss")
class TrimmedLoss(Rule):
    """The lower losses, all alike."""

    needs = frozenset({"losses"})

    def __init__(self, trimmed=0.4):
        self.trimmed = trimmed

    def weigh(self, evidence):
        losses = evidence.known("losses")
        kept = losses.argsort()[: max(1, round((1 - self.trimmed) * evidence.size))]
        return to_sum_one(torch.zeros_like(losses).index_fill(0, kept, 1.0))


class Plainest(Rule):
    """Nothing but the one method that a rule must have."""

    def weigh(self, evidence):
        return to_sum_one(torch.ones_like(evidence.like))


def no_rule():
    """Not a class."""
