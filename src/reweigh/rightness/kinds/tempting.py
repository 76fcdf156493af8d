"""The tempting neighbour."""

import torch
from torch import Tensor

from reweigh.rightness.view import View
from reweigh.rightness.wrongness import kind

_TEMPTED = 0.02


@kind
def tempting(view: View, labels: Tensor, generator: torch.Generator) -> Tensor:
    """Another label, as likely as the model finds it: mistakes that people make are those that a model makes."""
    chances = (view.said.exp() + _TEMPTED).scatter(1, labels[:, None], 0.0)
    return torch.multinomial(chances, 1, generator=generator)[:, 0]
