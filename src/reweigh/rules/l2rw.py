"""Learning to Reweight Examples for Robust Deep Learning (Ren, Zeng, Yang, Urtasun; ICML 2018).

An example counts as far as its gradient points where the clean loss falls:

    u_i = −η ∂L_clean(θ − α∇Σ ε_j ℓ_j)/∂ε_i at ε = 0  =  ηα·a_i        (equation 7; η and α cancel below)
    w̃_i = max(u_i, 0)                                                  (equation 8)
    w_i = w̃_i / (Σ w̃_j + δ(Σ w̃_j))                                     (equation 9; all zero where none is positive)
"""

from typing import ClassVar

from torch import Tensor

from reweigh.rules.registry import rule
from reweigh.rules.rule import Evidence, Rule, to_sum_one


@rule("l2rw", title="L2RW")
class L2RW(Rule):
    """Rectified alignments that sum to one over the batch. Nothing is learned, and nothing is kept between batches."""

    needs: ClassVar[frozenset[str]] = frozenset({"alignments"})

    def weigh(self, evidence: Evidence) -> Tensor:
        """Equations 8 and 9, from the alignments."""
        return to_sum_one(evidence.known("alignments").clamp(min=0))
