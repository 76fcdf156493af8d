"""Linear probing: a body that has learnt elsewhere and stays as it is, and a head that learns from what it says.

A few thousand images are too few to learn from nothing what an image is. With a body that has seen a million, an image's
gradient in the head says what the image shows, which is what weights need. Since the body never changes, its features can be
worked out once for all epochs.
"""

import torch
from torch import Tensor, nn


class Probe(nn.Module):
    """`head(body(x))`, of which only the head learns.

    Args:
        body: from a batch of inputs to features (B, width); it is frozen, and in eval mode for good.
        head: from features (B, width) to outputs.
    """

    def __init__(self, body: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.body, self.head = body.requires_grad_(False).eval(), head

    @classmethod
    def linear(cls, body: nn.Module, input_shape: tuple[int, ...], outputs: int) -> "Probe":
        """With a linear head over normalised features, whose width is found by asking the body about one input."""
        with torch.no_grad():
            width = body.eval()(torch.zeros(1, *input_shape)).shape[1]
        return cls(body, nn.Sequential(nn.LayerNorm(width, elementwise_affine=False), nn.Linear(width, outputs)))

    def train(self, mode: bool = True) -> "Probe":
        """Only the head can be put into training mode."""
        super().train(mode)
        self.body.eval()
        return self

    def forward(self, x: Tensor) -> Tensor:
        """Outputs (B, K) of inputs (B, ...)."""
        with torch.no_grad():
            features = self.body(x)
        outputs: Tensor = self.head(features)
        return outputs
