"""Residual networks for small images (He et al. 2015, arXiv 1512.03385, section 4.2).

This is the *post-activation* CIFAR network as most people train it today: a 3x3 convolution, three stages of
two-convolution blocks with `width`, 2·`width` and 4·`width` channels, the mean over the picture, one linear
layer. Depth 6k+2 has k blocks a stage. A block that halves the picture has a shortcut without parameters:
every second pixel, and zeros for the new channels ("option A"). ResNet-32 has 0.46 million parameters.

The L2RW authors' released network differs: pre-activation, average pooling in the shortcut, BatchNorm
without a scale.
"""

from collections.abc import Callable
from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn

from reweigh.errors import BadInput
from reweigh.models.norms import Norm, NormName, choose_norm


def conv3x3(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    """A 3x3 convolution that keeps the picture's size (divided by `stride`), without a bias."""
    return nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)


class Block(nn.Module):
    """relu(shortcut(x) + norm(conv(relu(norm(conv(x)))))): (B, inputs, H, W) -> (B, outputs, H/s, W/s)."""

    def __init__(self, inputs: int, outputs: int, stride: int, norm: Norm) -> None:
        super().__init__()
        self.conv1, self.norm1 = conv3x3(inputs, outputs, stride), norm(outputs)
        self.conv2, self.norm2 = conv3x3(outputs, outputs), norm(outputs)
        self.stride, self.new_channels = stride, outputs - inputs

    def shortcut(self, x: Tensor) -> Tensor:
        """Every `stride`-th pixel of x, and zeros for the channels that x does not have."""
        if self.stride > 1:
            x = x[:, :, :: self.stride, :: self.stride]
        if self.new_channels:
            before = self.new_channels // 2
            x = F.pad(x, (0, 0, 0, 0, before, self.new_channels - before))
        return x

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, outputs, H/stride, W/stride)."""
        y = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(y)) + self.shortcut(x))


def stages(blocks: int, channels: int, width: int, make: Callable[[int, int, int], nn.Module]) -> nn.Sequential:
    """Three stages of `blocks` blocks, with `width`, 2·`width` and 4·`width` channels; the last two halve the picture."""
    found: list[nn.Module] = []
    for stage in range(3):
        for index in range(blocks):
            found.append(make(channels, width * 2**stage, 2 if stage > 0 and index == 0 else 1))
            channels = width * 2**stage
    return nn.Sequential(*found)


class ResNet(nn.Module):
    """Images (B, channels, H, W) -> logits (B, classes).

    `depth` is 6k+2 (20, 32, 44, 56, ...), `width` the channels of the first stage, `norm` "batch" or "group".

    Raises:
        BadInput: if the depth is not 6k+2, or the norm is unknown.
    """

    def __init__(
        self,
        input_shape: tuple[int, int, int] = (3, 32, 32),
        classes: int = 10,
        *,
        depth: int = 32,
        width: int = 16,
        norm: NormName = "batch",
    ) -> None:
        super().__init__()
        if depth < 8 or (depth - 2) % 6:
            raise BadInput(f"depth={depth} is no CIFAR ResNet: use 6k+2, such as 20, 32, 44 or 56")
        layer = choose_norm(norm)
        self.stem, self.stem_norm = conv3x3(input_shape[0], width), layer(width)
        self.blocks = stages((depth - 2) // 6, width, width, partial(Block, norm=layer))
        self.output = nn.Linear(4 * width, classes)
        self.apply(initialise)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, classes) of images (B, channels, H, W)."""
        x = self.blocks(F.relu(self.stem_norm(self.stem(x))))
        logits: Tensor = self.output(x.mean((2, 3)))
        return logits


def initialise(module: nn.Module) -> None:
    """Normal weights of variance 2/(k² · outputs) and zero biases (He et al. 2015, arXiv 1502.01852)."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    if isinstance(module, nn.Linear):
        nn.init.zeros_(module.bias)
