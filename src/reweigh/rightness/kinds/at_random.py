"""A label at random."""

import torch
from torch import Tensor

from reweigh.rightness.view import View
from reweigh.rightness.wrongness import kind


@kind
def at_random(view: View, labels: Tensor, generator: torch.Generator) -> Tensor:
    """Any other label, each as likely."""
    return (labels + torch.randint(1, view.classes, labels.shape, generator=generator)) % view.classes
