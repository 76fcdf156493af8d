"""Of rules that say which examples to draw, and give all of them one weight."""

import torch
from torch import Tensor

from reweigh.errors import BadInput
from reweigh.rules.rule import Evidence, Rule, to_sum_one


class Draws(Rule):
    """A rule whose drawing is all that it does; its `sampling_weights` notes that somebody has asked what to draw."""

    _asked_of = False

    def weigh(self, evidence: Evidence) -> Tensor:
        """1/B: what counts is in the drawing.

        Raises:
            BadInput: if nobody has asked what to draw: training would be plain, without a word.
        """
        if not self._asked_of:
            raise BadInput(
                f"the {self.name} rule only says which examples to draw, and nobody has asked it: draw rows by its "
                "sampling_weights(labels) before each epoch (reweigh.data.sampling.drawn), or train by `reweigh.fit`"
            )
        return to_sum_one(torch.ones_like(evidence.like))
