"""Small-loss selection: what a batch's lowest losses belong to counts alike, and the rest not at all.

This is co-teaching (Han et al., NeurIPS 2018) without its second network: a network learns right labels before wrong ones,
so that a high loss is taken for a wrong label. The share of wrong labels has to be known beforehand, and the clean set is
not asked. Of B examples R(t)·B are kept,

    R(t) = 1 − share · min(t / T, 1)

where T, by itself a tenth of training, is how long it takes until the whole share is left out.
"""

import math
from dataclasses import dataclass
from typing import ClassVar, Self

import torch
from torch import Tensor

from reweigh import distributed
from reweigh.errors import BadInput, NonFinite
from reweigh.rules.materials import Materials
from reweigh.rules.registry import rule
from reweigh.rules.rule import Evidence, Rule, to_sum_one

_USUAL_RAMP = 100


@dataclass(frozen=True)
class SmallLossOptions:
    """As the arguments of `SmallLoss`; `ramp` is a tenth of training by itself."""

    share: float = 0.2
    ramp: int | None = None


@rule("small-loss", options=SmallLossOptions, title="the smallest losses")
class SmallLoss(Rule):
    """The examples of the lowest losses.

    Args:
        share: of each batch so much is left out in the end: what is thought to be wrong.
        ramp: T, in steps.

    Raises:
        BadInput: if the share is not from 0 to below 1, or T no whole number of at least 1.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"losses"})

    def __init__(self, share: float = 0.2, *, ramp: int = _USUAL_RAMP) -> None:
        if not 0 <= share < 1:
            raise BadInput(f"share={share!r}: give the share of wrong labels, from 0 to below 1, such as 0.2")
        if not isinstance(ramp, int) or ramp < 1:
            raise BadInput(f"ramp={ramp!r}: give a number of steps, at least 1")
        self.share, self.ramp = share, ramp

    @classmethod
    def made(cls, materials: Materials, options: SmallLossOptions) -> Self:
        """For a run of so many steps."""
        usual = _USUAL_RAMP if materials.steps is None else max(1, round(0.1 * materials.steps))
        return cls(options.share, ramp=usual if options.ramp is None else options.ramp)

    def weigh(self, evidence: Evidence) -> Tensor:
        """Alike for what is kept, (B,), summing to one."""
        with distributed.together(evidence.like.device):
            losses = evidence.known("losses")
            if bool(losses.isnan().any()):
                raise NonFinite("a loss is NaN, so that it has no place among the smallest: look at these examples")
        left_out = self.share * min(evidence.step / self.ramp, 1)
        return to_sum_one(distributed.over_the_batch(lambda all_losses: _lowest(all_losses, left_out), losses))


def _lowest(losses: Tensor, left_out: float) -> Tensor:
    kept = math.ceil((1 - left_out) * len(losses) - 1e-9)
    return torch.zeros_like(losses).index_fill(0, losses.topk(kept, largest=False).indices, 1.0)
