"""The number of another example."""

import torch
from torch import Tensor

from reweigh.rightness.numbers_view import NumbersView
from reweigh.rightness.wrongness import number_kind


@number_kind
def exchanged(view: NumbersView, targets: Tensor, generator: torch.Generator) -> Tensor:
    """Another checked example's, each as likely."""
    m = len(targets)
    return targets[(torch.arange(m) + torch.randint(1, max(m, 2), (m,), generator=generator)) % m]
