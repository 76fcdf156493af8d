"""Gradients by hand: kernels, quantizers, reversal, samples, recomputation, and derivatives inside the forward pass."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from abilities import RECOMPUTES_FORWARD, SAMPLES_FORWARD, SAMPLES_TWICE
from zoo.case import CLASSES, Batch, case, images, series, vectors
from zoo.surgery import ODD, SILENT, Apply, Reversal, around


class OutsideTheGraph(torch.autograd.Function):
    """As kernels written by hand do: what backward needs is kept as numbers, so no second derivative sees it."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = torch.tanh(x)
        ctx.y = y.detach()
        return y

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return grad * (1 - ctx.y**2)


class WithoutGraph(torch.autograd.Function):
    """Its backward runs under no_grad, as one that calls a compiled kernel does, and is not marked as such."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = torch.tanh(x)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        with torch.no_grad():
            return grad * (1 - y**2)


case("kernel-outside-the-graph", vectors, twice=False, refused_by={"forward": ODD})(
    lambda: around(Apply(OutsideTheGraph))
)
case("kernel-backward-no-grad", vectors, twice=False, refused_by={"forward": ODD, "double": SILENT})(
    lambda: around(Apply(WithoutGraph))
)


class FusedLinear(torch.autograd.Function):
    """A linear layer as fused kernels have it: the parameters go into the Function itself."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return x @ weight.T + bias

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, weight = ctx.saved_tensors
        return grad @ weight, grad.T @ x, grad.sum(0)


class Fused(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return FusedLinear.apply(x, self.weight, self.bias)


case("kernel-with-parameters", vectors, refused_by=dict.fromkeys(("forward", "ghost"), ODD))(
    lambda: around(Fused(6, 6))
)


class Rounded(torch.autograd.Function):
    """Fake quantization: rounds, and passes the gradient on inside the range."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor) -> Tensor:
        ctx.save_for_backward(x / scale)
        return (x / scale).round().clamp(-8, 7) * scale

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
        (steps,) = ctx.saved_tensors
        kept = ((steps >= -8) & (steps <= 7)).to(grad)
        towards = torch.where(kept.bool(), steps.round() - steps, steps.clamp(-8, 7))
        return grad * kept, (grad * towards).sum().view(1)


class LearnedStep(nn.Linear):
    """LSQ: weights rounded to four bits, the width of a step trained."""

    def __init__(self) -> None:
        super().__init__(6, 6)
        self.scale = nn.Parameter(torch.full((1,), 0.1))

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, Rounded.apply(self.weight, self.scale), self.bias)


class FakeQuantized(nn.Linear):
    """PyTorch's own operation, on the weights by channel."""

    def forward(self, x: Tensor) -> Tensor:
        scale = (self.weight.detach().abs().amax(1) / 8).float()
        zero = torch.zeros(6, dtype=torch.int32)
        return F.linear(x, torch.fake_quantize_per_channel_affine(self.weight, scale, zero, 0, -8, 7), self.bias)


class Ternary(nn.Module):
    """Activations rounded by detach, as quantization-aware training is written without an observer."""

    def forward(self, x: Tensor) -> Tensor:
        x = x.clamp(-1, 1)
        return x + ((x * 4).round() / 4 - x).detach()


case(
    "quantized-weights-learned-step", vectors, refused_by={**dict.fromkeys(("forward", "ghost"), ODD), "finite": SILENT}
)(lambda: around(LearnedStep()))
case(
    "quantized-weights-by-channel", vectors, refused_by={**dict.fromkeys(("forward", "ghost"), ODD), "finite": SILENT}
)(lambda: around(FakeQuantized(6, 6)))
case("quantized-activations", vectors, refused_by={"finite": SILENT})(lambda: around(Ternary()))


def adversarial_loss(model: nn.Module, batch: Batch) -> Tensor:
    logits, domain = model(batch["x"])
    return F.cross_entropy(logits, batch["y"], reduction="none") + 0.5 * F.binary_cross_entropy_with_logits(
        domain, (batch["y"] % 2).to(domain), reduction="none"
    )


@case("domain-adversarial", vectors, adversarial_loss, refused_by={"finite": r"\b(stem|features)\b"})
class DomainAdversarial(nn.Module):
    """The domain's head learns forwards, the features backwards."""

    def __init__(self) -> None:
        super().__init__()
        self.features, self.label, self.domain = nn.Linear(6, 6), nn.Linear(6, CLASSES), nn.Linear(6, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        hidden = torch.tanh(self.features(x))
        return self.label(hidden), self.domain(Reversal.apply(hidden)).squeeze(1)


class Gumbel(nn.Module):
    """A hard choice of one of six, drawn; its gradient is the soft one's."""

    def forward(self, x: Tensor) -> Tensor:
        return F.gumbel_softmax(x, tau=0.8, hard=True)


case("gumbel-straight-through", vectors, random=True, refused_by={"finite": SILENT})(lambda: around(Gumbel()))


def vae_loss(model: nn.Module, batch: Batch) -> Tensor:
    back, mean, log_variance = model(batch["x"])
    divergence = 0.5 * (log_variance.exp() + mean.square() - 1 - log_variance).sum(1)
    return (back - batch["x"]).square().sum(1) + divergence


@case("variational-autoencoder", vectors, vae_loss, random=True, notes="noise times a trained scale")
class Variational(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encode, self.decode = nn.Linear(6, 6), nn.Linear(3, 6)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mean, log_variance = self.encode(x).chunk(2, 1)
        drawn = mean + (log_variance / 2).exp() * torch.randn_like(mean)
        return self.decode(torch.tanh(drawn)), mean, log_variance


@case(
    "checkpointed-blocks",
    series,
    random=True,
    refused_by={} if RECOMPUTES_FORWARD else {"forward": "Checkpointed"},
    notes="recomputed in the backward pass, dropout masks and all",
)
class Checkpointed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(4), nn.Linear(4, 8), nn.GELU(), nn.Dropout(0.3), nn.Linear(8, 4))
            for _ in range(2)
        )
        self.head = nn.Linear(4, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = x + checkpoint(block, x, use_reentrant=False)
        return self.head(x.mean(1))


def atoms(n: int) -> dict[str, Tensor]:
    return {"x": torch.randn(n, 3, 2), "forces": torch.randn(n, 3, 2)}


def force_loss(model: nn.Module, batch: Batch) -> Tensor:
    return (model(batch["x"]) - batch["forces"]).square().sum((1, 2))


@case(
    "forces-from-energy",
    atoms,
    force_loss,
    refused_by=dict.fromkeys(("ghost", "forward"), r"\benergy\.[02] \(Linear\)"),
    notes="interatomic potentials: the model's output is itself a gradient",
)
class Forces(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.energy = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 1))

    def forward(self, x: Tensor) -> Tensor:
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            energy = self.energy(x.flatten(1)).sum()
            (slope,) = torch.autograd.grad(energy, x, create_graph=True)
        return -slope


def penalised(model: nn.Module, batch: Batch) -> Tensor:
    """A gradient penalty at the inputs, as for the critics of Wasserstein GANs."""
    with torch.enable_grad():
        x = batch["x"].detach().requires_grad_()
        logits = model(x)
        (slope,) = torch.autograd.grad(logits.square().sum(), x, create_graph=True)
    return F.cross_entropy(logits, batch["y"], reduction="none") + 0.1 * (slope.norm(dim=1) - 1).square()


@case("gradient-penalty", vectors, penalised, refused_by=dict.fromkeys(("ghost", "forward"), r"\b[02] \(Linear\)"))
def critic() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 8), nn.Softplus(), nn.Linear(8, CLASSES))


@case(
    "deformed-sampling",
    images,
    twice=SAMPLES_TWICE,
    refused_by=dict.fromkeys(
        [how for how, goes in (("forward", SAMPLES_FORWARD), ("double", SAMPLES_TWICE)) if not goes],
        "SpatialTransformer",
    ),
    notes="a grid made from the image says where the image is read",
)
class SpatialTransformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.locate, self.conv, self.head = nn.Linear(128, 6), nn.Conv2d(2, 4, 3), nn.Linear(4, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        theta = torch.eye(2, 3).to(x) + 0.1 * self.locate(x.flatten(1)).view(-1, 2, 3)
        moved = F.grid_sample(x, F.affine_grid(theta, list(x.shape), align_corners=False), align_corners=False)
        return self.head(torch.tanh(self.conv(moved)).mean((2, 3)))
