"""Meta-Weight-Net: learning an explicit mapping for sample weighting (Shu et al.; NeurIPS 2019).

    w_i = V(ℓ_i; Θ),   V: one hidden layer of 100 ReLU units and a sigmoid,   its input without a graph

Θ follows the clean loss after the student's step. As published, each step is taken twice, first virtually to learn Θ and
then really with the new weights: `Learning(look_ahead="virtual-sgd")`. The cheaper order, in which the real step is the
look-ahead and the new Θ counts from the next batch on, is `Learning(look_ahead="real")`.
"""

from typing import Any

import torch
from torch import Tensor, nn

from reweigh.rules.learned import LearnedRule, a_width, between_0_and_1, linear
from reweigh.rules.registry import rule
from reweigh.rules.rule import Evidence

_FAR = 1e30


@rule("meta-weight-net")
class MetaWeightNet(LearnedRule):
    """One curve from loss to weight.

    Args:
        hidden: width of the hidden layer.
        normalise: as for every `LearnedRule`.
        seed: likewise.
    """

    def __init__(self, hidden: int = 100, *, normalise: str = "sum", seed: int = 0) -> None:
        super().__init__(normalise, seed)
        self.hidden = a_width("hidden", hidden)

    def build(self, evidence: Evidence) -> nn.Module:
        """1 to `hidden` to 1."""
        return _Curves(self.hidden, 1)

    def from_parameters(self, parameters: dict[str, Tensor]) -> nn.Module:
        """The same; no width depends on the data."""
        return _Curves(self.hidden, 1)

    def inputs(self, evidence: Evidence) -> tuple[Any, ...]:
        """The losses, detached."""
        return within_reach(evidence.known("losses").detach()), None

    def config(self) -> dict[str, Any]:
        """All arguments."""
        return {"hidden": self.hidden, "normalise": self.normalise, "seed": self.seed}


def within_reach(losses: Tensor) -> Tensor:
    """Losses that no sum in the network can drive beyond what float32 holds; where a curve is that far out, it is flat."""
    return losses.to(torch.promote_types(losses.dtype, torch.float32)).clamp(-_FAR, _FAR)


class _Curves(nn.Module):
    """Some curves from loss to weight over one hidden layer; each example goes by the curve of its family."""

    def __init__(self, hidden: int, families: int) -> None:
        super().__init__()
        self.body = nn.Sequential(linear(1, hidden), nn.ReLU(), linear(hidden, families))

    def forward(self, losses: Tensor, family: Tensor | None) -> Tensor:
        """Losses (B,), families (B,) int64 or None for the only one; weights (B,) between 0 and 1."""
        scores: Tensor = self.body(losses[:, None])
        chosen = scores[:, 0] if family is None else scores.gather(1, family[:, None])[:, 0]
        return between_0_and_1(chosen)
