"""The class that draws all."""

import torch
import torch.nn.functional as F
from torch import Tensor

from reweigh.rightness.view import View
from reweigh.rightness.wrongness import kind


@kind
def draws_all(view: View, labels: Tensor, generator: torch.Generator) -> Tensor:
    """The class that the model gives to far more of the checked examples than have it; those that do teach nothing."""
    too_often = view.said.exp().mean(0) - F.one_hot(labels, view.classes).double().mean(0)
    return torch.full_like(labels, int(too_often.argmax()))
