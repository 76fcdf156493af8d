"""Losses with a life of their own: trained criteria, margins, focal and dice, several tasks, teachers."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from abilities import DISTANCES_TWICE
from zoo.case import CLASSES, Batch, case, images, vectors
from zoo.dense import many_labels, mlp


class Criterion(nn.Module):
    """A trained centre for each class."""

    def __init__(self) -> None:
        super().__init__()
        self.centres = nn.Parameter(torch.randn(CLASSES, 5))

    def forward(self, features: Tensor, y: Tensor) -> Tensor:
        distances = torch.cdist(features, self.centres)
        return F.cross_entropy(-distances, y, reduction="none") + 0.1 * (features - self.centres[y]).square().sum(1)


def by_criterion(model: nn.Module, batch: Batch) -> Tensor:
    return model.criterion(model.features(batch["x"]), batch["y"])


@case(
    "criterion-with-prototypes",
    vectors,
    by_criterion,
    twice=False,
    refused_by=dict.fromkeys(
        ("ghost", "forward") if DISTANCES_TWICE else ("ghost", "forward", "double"), r"\bcriterion \(Criterion\)"
    ),
    notes="prototypes and centre loss; one module holds both. PyTorch has no dual numbers through cdist",
)
class WithCriterion(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features, self.criterion = nn.Sequential(nn.Linear(6, 5), nn.Tanh()), Criterion()


class CosineHead(nn.Module):
    def __init__(self, margin: float = 0.0) -> None:
        super().__init__()
        self.weight, self.log_scale, self.margin = (
            nn.Parameter(torch.randn(CLASSES, 8)),
            nn.Parameter(torch.ones(())),
            margin,
        )

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        cosines = F.linear(F.normalize(x, dim=1), F.normalize(self.weight, dim=1))
        if y is not None:  # ArcFace: the angle to the right class is made larger
            angle = cosines.clamp(-0.999, 0.999).acos()
            cosines = torch.where(F.one_hot(y, CLASSES).bool(), (angle + self.margin).cos(), cosines)
        return self.log_scale.exp() * cosines


@case("cosine-classifier", vectors, notes="normalised weights and a trained temperature")
def cosine_classifier() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), CosineHead())


def with_margin(model: nn.Module, batch: Batch) -> Tensor:
    return F.cross_entropy(model.head(torch.tanh(model.stem(batch["x"])), batch["y"]), batch["y"], reduction="none")


@case("angular-margin", vectors, with_margin)
class Margin(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem, self.head = nn.Linear(6, 8), CosineHead(0.2)


def focal(model: nn.Module, batch: Batch) -> Tensor:
    losses = F.cross_entropy(model(batch["x"]), batch["y"], reduction="none")
    return (1 - (-losses).exp()).square() * losses


case("focal-loss", vectors, focal)(mlp)


def segmented(n: int) -> dict[str, Tensor]:
    """Objects of any size, from a few pixels to nearly all."""
    return {"x": torch.randn(n, 2, 6, 6), "y": (torch.rand(n, 6, 6) < torch.rand(n, 1, 1)).float()}


def dice(model: nn.Module, batch: Batch) -> Tensor:
    said, y = model(batch["x"]).squeeze(1).sigmoid(), batch["y"]
    overlap = (2 * (said * y).sum((1, 2)) + 1) / (said.sum((1, 2)) + y.sum((1, 2)) + 1)
    return 1 - overlap + F.binary_cross_entropy(said, y, reduction="none").mean((1, 2))


@case("dice-segmentation", segmented, dice, notes="down, up and across: a U-Net of two levels")
class Segmentation(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down, self.deep = nn.Conv2d(2, 3, 3, padding=1), nn.Conv2d(3, 4, 3, padding=1)
        self.up, self.out = nn.ConvTranspose2d(4, 3, 2, stride=2), nn.Conv2d(6, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        fine = F.silu(self.down(x))
        coarse = F.silu(self.deep(F.avg_pool2d(fine, 2)))
        return self.out(torch.cat([fine, self.up(coarse)], 1))


def weighted_tasks(model: nn.Module, batch: Batch) -> Tensor:
    """Several tasks, each divided by a trained uncertainty."""
    logits = model(batch["x"])
    losses = F.binary_cross_entropy_with_logits(logits, batch["y"], reduction="none")
    return ((-model.uncertainty).exp() * losses + model.uncertainty).sum(1)


@case("tasks-by-uncertainty", many_labels, weighted_tasks)
class Tasks(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body, self.uncertainty = mlp(), nn.Parameter(torch.randn(CLASSES) / 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)


def taught(model: nn.Module, batch: Batch) -> Tensor:
    student, teacher = model(batch["x"])
    soft = F.kl_div((student / 2).log_softmax(1), (teacher / 2).softmax(1), reduction="none").sum(1)
    return 0.5 * F.cross_entropy(student, batch["y"], reduction="none") + 2 * soft


@case("distilled", vectors, taught, notes="the frozen teacher is a part of the model")
class Distilled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.student, self.teacher = nn.Linear(6, CLASSES), mlp().requires_grad_(False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            teacher = self.teacher(x)
        return self.student(x), teacher


def conditional(model: nn.Module, batch: Batch) -> Tensor:
    return (model(batch["x"], batch["y"]) - batch["x"]).square().mean(1)


@case("label-conditioned", vectors, conditional, notes="the label's embedding scales and shifts hidden layers (FiLM)")
class Conditional(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encode, self.decode, self.labels = nn.Linear(6, 4), nn.Linear(4, 6), nn.Embedding(CLASSES, 8)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        scale, shift = self.labels(y).chunk(2, 1)
        return self.decode(torch.tanh(self.encode(x)) * (1 + scale) + shift)


def decorrelated(model: nn.Module, batch: Batch) -> Tensor:
    """Variance over the batch, as VICReg asks for it, beside the examples' own losses."""
    features = model[:2](batch["x"])
    spread = F.relu(1 - (features.var(0) + 1e-4).sqrt()).mean()
    return F.cross_entropy(model[2:](features), batch["y"], reduction="none") + spread


case("variance-over-the-batch", vectors, decorrelated, mixes_examples=True, refused_by={"ghost": r"\b0 \(Linear\)"})(
    mlp
)


@case("attention-pooling-of-images", images, notes="trained queries look at the pixels of each image")
class Perceiver(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.queries, self.conv = nn.Parameter(torch.randn(2, 4)), nn.Conv2d(2, 4, 3, stride=2)
        self.attention, self.head = nn.MultiheadAttention(4, 1, batch_first=True), nn.Linear(8, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        pixels = self.conv(x).flatten(2).transpose(1, 2)
        found, _ = self.attention(self.queries.expand(len(x), -1, -1), pixels, pixels)
        return self.head(found.flatten(1))
