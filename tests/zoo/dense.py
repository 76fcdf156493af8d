"""Vectors in: how layers are wired, frozen, shared and normalised, and how a loss may call a model."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.case import CLASSES, case, classify, vectors

Linear = nn.Linear


@case("mlp", vectors)
def mlp() -> nn.Module:
    return nn.Sequential(Linear(6, 8), nn.Tanh(), Linear(8, 8), nn.GELU(), Linear(8, CLASSES))


@case("logistic-regression", vectors)
def logistic_regression() -> nn.Module:
    return Linear(6, CLASSES)


@case("shared-layer", vectors)
class SharedLayer(nn.Module):
    """One Linear under one name, used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.twice, self.head = Linear(6, 6), Linear(6, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.tanh(self.twice(torch.tanh(self.twice(x)))))


@case("shared-module-two-names", vectors)
class SharedModule(SharedLayer):
    """The same module under a second name, which state_dict spells twice and named_parameters once."""

    def __init__(self) -> None:
        super().__init__()
        self.again = self.twice


@case("shared-parameter", vectors)
class SharedParameter(nn.Module):
    """Two modules that own one Parameter between them."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.head = Linear(6, 6), Linear(6, 6), Linear(6, CLASSES)
        self.two.weight = self.one.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.tanh(self.two(torch.tanh(self.one(x)))))


@case("reused-in-a-loop", vectors)
class Loop(SharedLayer):
    def forward(self, x: Tensor) -> Tensor:
        for _ in range(4):
            x = torch.tanh(self.twice(x)) + x
        return self.head(x)


@case("residual", vectors)
class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(nn.Sequential(Linear(6, 12), nn.ReLU(), Linear(12, 6)) for _ in range(3))
        self.head = Linear(6, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = x + block(x)
        return self.head(x)


class TwoBranches(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.left, self.right, self.head = Linear(6, 6), Linear(6, 6), Linear(6, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.tanh(self.left(x)) * torch.sigmoid(self.right(x)))


@case("frozen-branch", vectors)
def frozen_branch() -> nn.Module:
    model = TwoBranches()
    model.right.requires_grad_(False)
    return model


@case("frozen-backbone", vectors)
def frozen_backbone() -> nn.Module:
    model = mlp()
    model[:4].requires_grad_(False)
    return model


@case("frozen-backbone-no-grad", vectors)
class FrozenNoGrad(nn.Module):
    """Fine-tuning as it is usually written. Nothing trained lies in the no_grad block, so it is harmless."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone, self.head = Linear(6, 8), Linear(8, CLASSES)
        self.backbone.requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            features = torch.tanh(self.backbone(x))
        return self.head(features)


@case("unused-parameters", vectors)
class Unused(TwoBranches):
    def __init__(self) -> None:
        super().__init__()
        self.never, self.stray = Linear(6, 6), nn.Parameter(torch.zeros(()))


@case("scalar-temperature", vectors)
class Temperature(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body, self.log_temperature = mlp(), nn.Parameter(torch.tensor(0.3))

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x) / self.log_temperature.exp()


@case("parameter-list-and-dict", vectors)
class Loose(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ParameterList(torch.randn(6, 6) / 3 for _ in range(2))
        self.head = nn.ParameterDict({"weight": torch.randn(CLASSES, 6), "bias": torch.zeros(CLASSES)})

    def forward(self, x: Tensor) -> Tensor:
        for weight in self.layers:
            x = torch.tanh(x @ weight)
        return F.linear(x, **self.head)


def batchnorm() -> nn.Module:
    model = nn.Sequential(Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), Linear(8, CLASSES))
    return settled(model)


def settled(model: nn.Module) -> nn.Module:
    """Gives running statistics values that a mistake in train / eval mode would change visibly."""
    for name, buffer in model.named_buffers():
        if name.endswith("running_mean"):
            buffer.normal_()
        elif name.endswith("running_var"):
            buffer.uniform_(0.5, 2.0)
    return model


MIXES = {"ghost": r"\b1 \(BatchNorm1d\).*train mode"}
case("batchnorm1d-train", vectors, mixes_examples=True, refused_by=MIXES)(batchnorm)
case("batchnorm1d-eval", vectors, train_mode=False)(batchnorm)


@case(
    "batchnorm1d-cumulative",
    vectors,
    mixes_examples=True,
    refused_by=MIXES,
    notes="momentum=None counts the batches",
)
def batchnorm_cumulative() -> nn.Module:
    return nn.Sequential(Linear(6, 8), nn.BatchNorm1d(8, momentum=None), nn.Tanh(), Linear(8, CLASSES))


@case("batch-centred", vectors, mixes_examples=True, refused_by={"ghost": r"\bleft\b"})
class Centred(TwoBranches):
    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.tanh(self.left(x))
        return self.head(hidden - hidden.mean(0)) + self.right(x)[:, :CLASSES]


@case("layernorm", vectors)
def layernorm() -> nn.Module:
    return nn.Sequential(Linear(6, 8), nn.LayerNorm(8), nn.SiLU(), Linear(8, CLASSES))


@case("rmsnorm", vectors)
def rmsnorm() -> nn.Module:
    return nn.Sequential(Linear(6, 8), nn.RMSNorm(8), nn.SiLU(), Linear(8, CLASSES))


@case("dropout", vectors, random=True)
def dropout() -> nn.Module:
    return nn.Sequential(Linear(6, 16), nn.ReLU(), nn.Dropout(0.4), Linear(16, CLASSES))


@case("inplace", vectors)
class InPlace(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.head = Linear(6, 6), Linear(6, 6), Linear(6, CLASSES)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.one(x))
        x = self.two(x)
        x += 1.0
        x[:, 0] *= 2.0
        return self.head(F.leaky_relu_(x))


def dict_loss(model: nn.Module, batch: Any) -> Tensor:
    out = model(batch["x"])
    return F.cross_entropy(out["logits"], batch["y"], reduction="none") + 0.1 * out["penalty"]


@case("returns-a-dict", vectors, dict_loss)
class ReturnsDict(TwoBranches):
    def forward(self, x: Tensor) -> dict[str, Tensor]:
        hidden = torch.tanh(self.left(x))
        return {"logits": self.head(hidden), "penalty": hidden.square().mean(1)}


def parts_loss(model: Any, batch: Any) -> Tensor:
    return F.cross_entropy(model.head(model.left(batch["x"]).tanh()), batch["y"], reduction="none")


@case("loss-calls-submodules", vectors, parts_loss, notes="model.forward is never called")
class Parts(TwoBranches):
    def forward(self, x: Tensor) -> Tensor:
        raise AssertionError("not called")


def tuple_loss(model: nn.Module, batch: Any) -> Tensor:
    return F.cross_entropy(model(batch[0]), batch[1], reduction="none")


case("tuple-batch", lambda n: tuple(vectors(n).values()), tuple_loss)(mlp)


def regression(n: int) -> dict[str, Tensor]:
    return {"x": torch.randn(n, 6), "y": torch.randn(n, CLASSES)}


def squared_error(model: nn.Module, batch: Any) -> Tensor:
    return F.mse_loss(model(batch["x"]), batch["y"], reduction="none").mean(1)


case("regression-mse", regression, squared_error)(mlp)


def many_labels(n: int) -> dict[str, Tensor]:
    return {"x": torch.randn(n, 6), "y": torch.randint(2, (n, CLASSES)).float()}


def multilabel(model: nn.Module, batch: Any) -> Tensor:
    return F.binary_cross_entropy_with_logits(model(batch["x"]), batch["y"], reduction="none").mean(1)


case("multi-label-bce", many_labels, multilabel)(mlp)


def smoothed(model: nn.Module, batch: Any) -> Tensor:
    decay = sum(p.square().sum() for p in model.parameters())
    logits = model(batch["x"])
    return F.cross_entropy(logits, batch["y"], reduction="none", label_smoothing=0.1) + 0.01 * decay


case("loss-reads-parameters", vectors, smoothed, notes="weight decay written into the loss")(mlp)


@case("hard-routing", vectors, classify, notes="argmax chooses an expert for each example")
class Routing(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.router, self.experts = Linear(6, 2), nn.ModuleList(Linear(6, CLASSES) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        gate = self.router(x).softmax(1)
        best, chosen = gate.max(1)
        out = torch.stack([expert(x) for expert in self.experts], 1)
        return out[torch.arange(len(x)), chosen] * best[:, None]
