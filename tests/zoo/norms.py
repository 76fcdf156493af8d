"""Norms, gates and noise around convolutions that are not modules of PyTorch's own."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations

from zoo.case import CLASSES, case, images, vectors
from zoo.images import headed


class BatchNormByHand(nn.Module):
    """No class and no operation says that examples are mixed; it begins behind a zero, where nothing shows it."""

    def __init__(self, chunks: int = 1) -> None:
        super().__init__()
        self.scale, self.shift, self.chunks = nn.Parameter(torch.ones(8)), nn.Parameter(torch.zeros(8)), chunks
        self.register_buffer("mean", torch.randn(8))
        self.register_buffer("variance", torch.ones(8))

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return self.scale * (x - self.mean) / (self.variance + 1e-5).sqrt() + self.shift
        parts = [self.scale * (p - p.mean(0)) / (p.var(0) + 1e-5).sqrt() + self.shift for p in x.chunk(self.chunks)]
        with torch.no_grad():
            self.mean.lerp_(x.mean(0).to(self.mean), 0.1)
            self.variance.lerp_(x.var(0).to(self.variance), 0.1)
        return torch.cat(parts)


def by_hand(chunks: int = 1, zero_head: bool = False) -> nn.Module:
    model = nn.Sequential(nn.Linear(6, 8), BatchNormByHand(chunks), nn.Tanh(), nn.Linear(8, CLASSES))
    if zero_head:
        nn.init.zeros_(model[3].weight)
        nn.init.zeros_(model[3].bias)
    return model


MIXED = {"ghost": r"\b(0 \(Linear\)|1 \(BatchNormByHand\))"}
case("batchnorm-by-hand", vectors, mixes_examples=True, refused_by=MIXED)(by_hand)
case("batchnorm-in-halves", vectors, mixes_examples=True, by_place=True, refused_by=MIXED, notes="ghost batch norm")(
    lambda: by_hand(2)
)
case(
    "batchnorm-by-hand-zero-head",
    vectors,
    mixes_examples=True,
    refused_by=MIXED,
    notes="at the first step every engine is right, as only the head has a gradient; ghost must refuse all the same",
)(lambda: by_hand(zero_head=True))


class Standardised(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        flat = self.weight.flatten(1)
        variance, mean = torch.var_mean(flat, 1, keepdim=True)
        return F.conv2d(x, ((flat - mean) / (variance + 1e-5).sqrt()).view_as(self.weight), self.bias)


@case("weight-standardised-groupnorm", images, notes="as Big Transfer and NF-ResNets have it")
def standardised() -> nn.Module:
    return headed(Standardised(2, 4, 3), nn.GroupNorm(2, 4), nn.ReLU())


@case("squeeze-and-excitation", images)
class SqueezeExcite(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.squeeze, self.excite = nn.Conv2d(2, 4, 3), nn.Linear(4, 2), nn.Conv2d(2, 4, 1)
        self.head = nn.Linear(4, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = F.hardswish(self.conv(x))
        gate = self.excite(F.relu(self.squeeze(x.mean((2, 3))))[:, :, None, None]).sigmoid()
        return self.head((x * gate).mean((2, 3)))


@case("spectral-norm-convolutions", images, curved=2e-2, notes="power iteration in forward, in train mode")
def spectral() -> nn.Module:
    one, two = (
        parametrizations.spectral_norm(nn.Conv2d(*sizes, 3), n_power_iterations=10) for sizes in ((2, 4), (4, 4))
    )
    return headed(one, nn.LeakyReLU(0.2), two)


class StochasticDepth(nn.Module):
    """Whole branches are dropped, drawn for each image."""

    def __init__(self) -> None:
        super().__init__()
        self.branch = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.GroupNorm(1, 4), nn.SiLU())

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x + self.branch(x)
        kept = (torch.rand(len(x), 1, 1, 1) < 0.7).to(x)
        return x + kept / 0.7 * self.branch(x)


@case("stochastic-depth", images, random=True)
def drop_path() -> nn.Module:
    return headed(nn.Conv2d(2, 4, 3), StochasticDepth(), StochasticDepth())


@case("global-response-norm", images, notes="ConvNeXt's: a norm over space, then over channels, with trained scales")
class ResponseNorm(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.depthwise, self.norm = nn.Conv2d(2, 4, 3, groups=2), nn.LayerNorm(4)
        self.scale, self.shift = nn.Parameter(torch.randn(4)), nn.Parameter(torch.randn(4))
        self.head = nn.Linear(4, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = F.gelu(self.norm(self.depthwise(x).permute(0, 2, 3, 1)))
        size = x.norm(dim=(1, 2), keepdim=True)
        x = self.scale * (x * size / (size.mean(-1, keepdim=True) + 1e-6)) + self.shift + x
        return self.head(x.mean((1, 2)))
