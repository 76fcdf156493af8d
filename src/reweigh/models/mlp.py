"""A plain multi-layer perceptron: for small tables, and for tests that must be quick."""

import math
from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn


class MLP(nn.Module):
    """Inputs (B, *input_shape), flattened -> logits (B, classes), through ReLU layers of `hidden` units."""

    def __init__(
        self,
        input_shape: Sequence[int],
        classes: int,
        *,
        hidden: Sequence[int] = (128, 128),
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Flatten()]
        for a, b in pairwise((math.prod(input_shape), *hidden)):
            layers += [nn.Linear(a, b), nn.ReLU()]
            if dropout:
                layers.append(nn.Dropout(dropout))
        last = hidden[-1] if hidden else math.prod(input_shape)
        self.layers = nn.Sequential(*layers, nn.Linear(last, classes))

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, classes) of inputs (B, *input_shape)."""
        logits: Tensor = self.layers(x)
        return logits
