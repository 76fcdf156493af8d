"""Convolutions, the norms that go with them, pooling, memory layout."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.case import CLASSES, case, classify, images
from zoo.dense import settled


def headed(*layers: nn.Module, width: int = 4) -> nn.Sequential:
    """The layers, averaged over space, and a linear head."""
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, CLASSES))


@case("lenet", images)
def lenet() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 8), nn.ReLU(), nn.Linear(8, 3)
    )


@case("conv-groups-stride-dilation", images)
def grouped() -> nn.Module:
    return headed(
        nn.Conv2d(2, 4, 3, groups=2, padding=2, dilation=2), nn.Tanh(), nn.Conv2d(4, 4, 3, stride=2, groups=4)
    )


@case("conv-reflect-padding", images)
def reflected() -> nn.Module:
    return headed(nn.Conv2d(2, 4, 3, padding=1, padding_mode="reflect"), nn.Hardswish())


case("channels-last", images, wrap=lambda model: model.to(memory_format=torch.channels_last))(grouped)


def folded(depth: int) -> nn.Module:
    """Reads the same numbers as signals (depth 1) or volumes (depth 3)."""
    conv, shape = {1: (nn.Conv1d, (2, 64)), 3: (nn.Conv3d, (2, 4, 4, 4))}[depth]
    return nn.Sequential(
        nn.Flatten(), nn.Unflatten(1, shape), conv(2, 4, 3, stride=2), nn.Tanh(), nn.Flatten(), nn.LazyLinear(3)
    )


def materialised(depth: int) -> nn.Module:
    model = folded(depth)
    model(torch.zeros(1, 2, 8, 8))
    return model


case("conv1d", images)(lambda: materialised(1))
case("conv3d", images)(lambda: materialised(3))


@case("conv-transpose", images)
def transposed() -> nn.Module:
    return headed(nn.ConvTranspose2d(2, 4, 3, stride=2), nn.Softplus(), nn.Conv2d(4, 4, 3, stride=2))


def batchnorm2d() -> nn.Module:
    return settled(headed(nn.Conv2d(2, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(inplace=True)))


case(
    "batchnorm2d-train",
    images,
    mixes_examples=True,
    refused_by={"ghost": r"\b1 \(BatchNorm2d\).*train mode"},
)(batchnorm2d)
case("batchnorm2d-eval", images, train_mode=False)(batchnorm2d)


class Block(nn.Module):
    """A basic residual block with train-mode BatchNorm and an in-place sum."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.one, self.bn1 = nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        self.two, self.bn2 = nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        out = self.bn2(self.two(F.relu(self.bn1(self.one(x)), inplace=True)))
        out += x
        return F.relu(out, inplace=True)


@case(
    "resnet",
    images,
    mixes_examples=True,
    refused_by={"ghost": r"\b1\.bn1 \(BatchNorm2d\).*train mode"},
    curved=2e-2,
    notes="behind BatchNorm only a weight's direction counts, and small filters turn far within one float32 step",
)
def resnet() -> nn.Module:
    return headed(nn.Conv2d(2, 4, 3, padding=1), Block(4), Block(4))


@case("groupnorm", images)
def groupnorm() -> nn.Module:
    return headed(nn.Conv2d(2, 4, 3), nn.GroupNorm(2, 4), nn.ReLU())


@case("instancenorm", images)
def instancenorm() -> nn.Module:
    return headed(nn.Conv2d(2, 4, 3), nn.InstanceNorm2d(4, affine=True), nn.Tanh())


def tracked_instancenorm() -> nn.Module:
    norm = nn.InstanceNorm2d(4, affine=True, track_running_stats=True)
    return settled(headed(nn.Conv2d(2, 4, 3), norm, nn.Tanh()))


case("instancenorm-tracked-train", images)(tracked_instancenorm)
case("instancenorm-tracked-eval", images, train_mode=False)(tracked_instancenorm)


@case("dropout2d", images, random=True)
def dropout2d() -> nn.Module:
    return headed(nn.Conv2d(2, 8, 3), nn.Dropout2d(0.4), nn.Tanh(), width=8)


@case("pool-and-unpool", images, classify, notes="max-pooling hands its indices on")
class Unpool(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem, self.pool, self.unpool = nn.Conv2d(2, 4, 3), nn.MaxPool2d(2, return_indices=True), nn.MaxUnpool2d(2)
        self.head = nn.Linear(4 * 36, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        pooled, indices = self.pool(self.stem(x))
        return self.head(self.unpool(pooled, indices).flatten(1))


@case("prelu-upsample-lrn", images)
def upsampled() -> nn.Module:
    scale = nn.Upsample(scale_factor=2, mode="bilinear")
    return headed(nn.Conv2d(2, 4, 3), nn.PReLU(4), scale, nn.LocalResponseNorm(2), nn.PixelShuffle(2), width=1)
