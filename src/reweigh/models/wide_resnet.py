"""Wide residual networks (Zagoruyko and Komodakis 2016, arXiv 1605.07146).

WRN-d-k: depth d = 6j+4 has j pre-activation blocks in each of three stages with 16k, 32k and 64k channels.
Where the shape changes, the shortcut is a 1x1 convolution that reads the *activated* input. Dropout, where
wanted, stands between the two convolutions of a block (the L2RW paper trains WRN-28-10 with 0.3).
WRN-16-4 has 2.7 million parameters, WRN-28-10 36.5 million.
"""

from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn

from reweigh.errors import BadInput
from reweigh.models.norms import Norm, NormName, choose_norm
from reweigh.models.resnet import conv3x3, initialise, stages


class WideBlock(nn.Module):
    """shortcut(x) + conv(dropout(relu(norm(conv(relu(norm(x)))))))."""

    def __init__(self, inputs: int, outputs: int, stride: int, norm: Norm, dropout: float) -> None:
        super().__init__()
        self.norm1, self.conv1 = norm(inputs), conv3x3(inputs, outputs, stride)
        self.norm2, self.conv2 = norm(outputs), conv3x3(outputs, outputs)
        self.dropout = nn.Dropout(dropout) if dropout else nn.Identity()
        changes = inputs != outputs or stride != 1
        self.project = nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False) if changes else None

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, outputs, H/stride, W/stride)."""
        active = F.relu(self.norm1(x))
        y = self.dropout(F.relu(self.norm2(self.conv1(active))))
        shortcut = x if self.project is None else self.project(active)
        result: Tensor = shortcut + self.conv2(y)
        return result


class WideResNet(nn.Module):
    """Images (B, channels, H, W) -> logits (B, classes).

    `depth` is 6j+4 (10, 16, 22, 28, 40), `widen` the factor k, `dropout` a probability, `norm` "batch" or
    "group".

    Raises:
        BadInput: if the depth is not 6j+4, or the norm is unknown.
    """

    def __init__(
        self,
        input_shape: tuple[int, int, int] = (3, 32, 32),
        classes: int = 10,
        *,
        depth: int = 28,
        widen: int = 10,
        dropout: float = 0.0,
        norm: NormName = "batch",
    ) -> None:
        super().__init__()
        if depth < 10 or (depth - 4) % 6:
            raise BadInput(f"depth={depth} is no wide ResNet: use 6j+4, such as 10, 16, 22, 28 or 40")
        layer = choose_norm(norm)
        self.stem = conv3x3(input_shape[0], 16)
        made = partial(WideBlock, norm=layer, dropout=dropout)
        self.blocks = stages((depth - 4) // 6, 16, 16 * widen, made)
        self.last_norm = layer(64 * widen)
        self.output = nn.Linear(64 * widen, classes)
        self.apply(initialise)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, classes) of images (B, channels, H, W)."""
        x = F.relu(self.last_norm(self.blocks(self.stem(x))))
        logits: Tensor = self.output(x.mean((2, 3)))
        return logits
