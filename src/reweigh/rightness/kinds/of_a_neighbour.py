"""The number of an example that is alike."""

import torch
from torch import Tensor

from reweigh.rightness.numbers_view import NumbersView
from reweigh.rightness.wrongness import number_kind

_AWAY = 5


@number_kind
def of_a_neighbour(view: NumbersView, targets: Tensor, generator: torch.Generator) -> Tensor:
    """That of a checked example of which the model foretells nearly the same."""
    m, order = len(targets), view.said.argsort()
    away = torch.randint(1, _AWAY + 1, (m,), generator=generator)
    away = torch.where(torch.rand(m, generator=generator) < 0.5, away, -away)
    found = torch.empty_like(targets)
    found[order] = targets[order][(torch.arange(m) + away) % m]
    return found
