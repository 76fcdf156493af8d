"""The networks of the CIFAR recipe, each with a schedule that is the same for all rows.

`features` is a small head on frozen features, for a CPU: five epochs, after which plain training on right labels knows
87.3 % of 5,000 training images that were held back, as after ten or twenty at 0.001 (87.3, 87.2). The others learn from
images and want a GPU. ResNet-32 and WRN-28-10 have the steps, the batches and the learning rate of Ren et al. (2018); `fast`
is small and wide, after airbench94 (Jordan, 2024): a first layer that whitens patches of 2x2 pixels and is not learnt, and
three groups of two convolutions. None of these has been trained at full size yet, and the schedule of `fast` is a guess.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PATCHES, EPSILON = 5_000, 5e-4


class FastNet(nn.Module):
    """Images (B, 3, 32, 32) within [0, 1] -> logits (B, classes); `whitening` is of size (24, 3, 2, 2)."""

    def __init__(self, whitening: Tensor, classes: int, widths: tuple[int, int, int] = (64, 256, 256)) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, len(whitening), 2)
        self.first.weight = nn.Parameter(whitening.clone(), requires_grad=False)
        before = (len(whitening), *widths[:-1])
        self.groups = nn.Sequential(*(group(a, b) for a, b in zip(before, widths, strict=True)))
        self.last = nn.Linear(widths[-1], classes, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = x.contiguous(memory_format=torch.channels_last)
        states = self.groups(F.gelu(self.first(x)))
        logits: Tensor = self.last(F.max_pool2d(states, 3).flatten(1)) / 9
        return logits


def group(inputs: int, outputs: int) -> nn.Sequential:
    """Two convolutions at half the size."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.MaxPool2d(2), nn.BatchNorm2d(outputs), nn.GELU(),
        nn.Conv2d(outputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.GELU(),
    )  # fmt: skip


def whitening_of(x: Tensor) -> Tensor:
    """Filters (24, 3, 2, 2) that whiten patches of the first images (N, 3, H, W), and the same with the other sign."""
    patches = F.unfold(x[:PATCHES].float() / (255 if x.dtype == torch.uint8 else 1), 2).transpose(1, 2).flatten(0, 1)
    values, vectors = torch.linalg.eigh(patches.T.cov())
    filters = (vectors / (values + EPSILON).sqrt()).T.view(-1, 3, 2, 2)
    return torch.cat([filters, -filters])


def fast(x: Tensor, classes: int, seed: int) -> nn.Module:
    """The network for such images."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return FastNet(whitening_of(x), classes).to(memory_format=torch.channels_last)


class Network(NamedTuple):
    """What a run trains, and how: its settings, and a function from images, classes and a seed, where it has no name."""

    settings: dict[str, Any]
    made: Callable[[Tensor, int, int], nn.Module] | None = None


_IMAGES = {"optimizer": "sgd", "augment": "crop-flip", "clean_batch_size": 100}
NETWORKS: dict[str, Network] = {
    "features": Network(
        {"model": "mlp", "steps": 500, "batch_size": 500, "clean_batch_size": 250, "optimizer": "adam", "lr": 0.003,
         "schedule": "cosine"}
    ),
    "resnet32": Network(
        {**_IMAGES, "model": "resnet32", "steps": 80_000, "batch_size": 100, "lr": 0.1, "weight_decay": 2e-4,
         "schedule": "step"}
    ),
    "wrn-28-10": Network(
        {**_IMAGES, "model": "wrn-28-10", "steps": 60_000, "batch_size": 100, "lr": 0.1, "weight_decay": 2e-4,
         "schedule": "step", "precision": "bf16"}
    ),
    "fast": Network(
        {**_IMAGES, "steps": 1_600, "batch_size": 500, "clean_batch_size": 250, "lr": 0.2, "weight_decay": 5e-4,
         "schedule": "cosine", "lr_warm_up": 200, "precision": "bf16"}, fast
    ),
}  # fmt: skip
