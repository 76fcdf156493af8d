"""The small convolutional network of the L2RW paper's MNIST experiment.

Three 5x5 convolutions (16, 32 and 64 channels), each followed by a 3x3 max-pooling of stride 2 and a ReLU,
then 100 hidden units and the outputs. No normalisation, so no example sees another. As the authors' released
code has it (Ren et al. 2018, arXiv 1803.09050): weights from a normal distribution of standard deviation
0.1 cut at two deviations, biases at zero, padding so that a layer of stride s turns H pixels into ceil(H/s).
"""

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

CHANNELS = (16, 32, 64)


def halve(size: int) -> int:
    """What one pooling leaves of `size` pixels: half of them, rounded up."""
    return -(-size // 2)


def pool(x: Tensor) -> Tensor:
    """3x3 max-pooling of stride 2 with "same" padding: (B, K, H, W) -> (B, K, ceil(H/2), ceil(W/2)).

    An even side is padded by one pixel at its end only, an odd side by one at both.
    """
    padding = (x.shape[-2] % 2, x.shape[-1] % 2)
    return F.max_pool2d(x, 3, stride=2, padding=padding, ceil_mode=True)


class LeNet(nn.Module):
    """Images (B, channels, H, W) -> logits (B, classes); 175 thousand parameters on MNIST.

    `input_shape` is (channels, H, W) of one image, any size; `classes=1` gives the single logit of the
    paper's two-class experiment.
    """

    def __init__(self, input_shape: tuple[int, int, int] = (1, 28, 28), classes: int = 10) -> None:
        super().__init__()
        channels, height, width = input_shape
        self.convolutions = nn.ModuleList(nn.Conv2d(a, b, 5, padding=2) for a, b in pairwise((channels, *CHANNELS)))
        for _ in CHANNELS:
            height, width = halve(height), halve(width)
        self.hidden = nn.Linear(CHANNELS[-1] * height * width, 100)
        self.output = nn.Linear(100, classes)
        self.apply(_initialise)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, classes) of images (B, channels, H, W)."""
        for convolution in self.convolutions:
            x = F.relu(pool(convolution(x)))
        logits: Tensor = self.output(F.relu(self.hidden(x.flatten(1))))
        return logits


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.1, a=-0.2, b=0.2)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
