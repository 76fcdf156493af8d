"""Of rules that say which examples to draw, and give all of them one weight."""

import torch
from torch import Tensor

from reweigh.errors import BadInput
from reweigh.rules.rule import Evidence, Rule, to_sum_one


def alike(rule: Rule, evidence: Evidence, *, drawn: bool) -> Tensor:
    """1/B, (B,), by a rule whose drawing is all that it does; `drawn` says whether anybody has asked it what to draw.

    Raises:
        BadInput: if nobody has: training would be plain, without a word.
    """
    if not drawn:
        raise BadInput(
            f"the {rule.name} rule only says which examples to draw, and nobody has asked it: draw rows by its "
            "sampling_weights(labels) before each epoch (reweigh.data.sampling.drawn), or train by `reweigh.fit`"
        )
    return to_sum_one(torch.ones_like(evidence.like))
