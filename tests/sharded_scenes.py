"""Awkward models under `fully_shard`, and what one process with the whole batch finds of them."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Batch = dict[str, Tensor]
CLASSES, WORDS, LENGTH = 3, 11, 4


class Scene(NamedTuple):
    """A model, its loss, batches of a size by seed, and which of its parts are sharded by themselves (all, and the rest)."""

    model: nn.Module
    loss: Callable[[nn.Module, Batch], Tensor]
    batch: Callable[[int, int], Batch]
    parts: Callable[[nn.Module], Sequence[nn.Module]]


class Tied(nn.Module):
    """An embedding that is the output layer too, in the root's own group, and attention blocks between."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(WORDS, 8)
        self.places = nn.Parameter(torch.randn(LENGTH, 8) / 4)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(8, 2, 12, dropout=0.0, batch_first=True, norm_first=True) for _ in range(2)
        )
        self.norm = nn.LayerNorm(8)
        self.head = nn.Linear(8, WORDS)
        self.head.weight = self.embedding.weight

    def forward(self, words: Tensor) -> Tensor:
        x = self.embedding(words) + self.places
        for block in self.blocks:
            x = block(x)
        out: Tensor = self.head(self.norm(x))
        return out


class Twice(nn.Module):
    """One layer called twice, frozen ones below and between, and a scale without rows enough for every rank."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(6, 5).requires_grad_(False)
        self.again = nn.Linear(5, 5)
        self.frozen = nn.Linear(5, 5).requires_grad_(False)
        self.scale = nn.Parameter(torch.ones(1))
        self.last = nn.Linear(5, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = self.again(torch.tanh(self.frozen(self.again(torch.tanh(self.first(x))))))
        out: Tensor = self.last(self.scale * x)
        return out


class Recurrent(nn.Module):
    """A recurrent layer, which keeps a second list of its weights, and convolutions under evaluation-mode statistics."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(WORDS, 5)
        self.rnn = nn.GRU(5, 4, batch_first=True)
        self.conv = nn.Conv1d(4, 3, 2)
        self.norm = nn.BatchNorm1d(3).eval()
        self.last = nn.Linear(3, CLASSES)

    def forward(self, words: Tensor) -> Tensor:
        x = self.rnn(self.embedding(words))[0]
        out: Tensor = self.last(self.norm(self.conv(x.mT)).mean(2))
        return out


def _dense(size: int, seed: int) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(size, 6, generator=generator)
    return {"x": x, "y": torch.randint(CLASSES, (size,), generator=generator), "id": torch.arange(size)}


def _words(size: int, seed: int, classes: int = WORDS, *more: int) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randint(WORDS, (size, LENGTH), generator=generator)
    return {"x": x, "y": torch.randint(classes, (size, *more), generator=generator), "id": torch.arange(size)}


def _entropy(model: nn.Module, batch: Batch) -> Tensor:
    x = batch["x"]
    dtype = next(model.parameters()).dtype
    return F.cross_entropy(model(x.to(dtype) if x.is_floating_point() else x), batch["y"], reduction="none")


def _of_tokens(model: nn.Module, batch: Batch) -> Tensor:
    return F.cross_entropy(model(batch["x"]).mT, batch["y"], reduction="none").mean(1)


SCENES: dict[str, tuple[Callable[[], nn.Module], Any, Any, Any]] = {
    "mlp": (
        lambda: nn.Sequential(
            nn.Linear(6, 7), nn.Tanh(), nn.Sequential(nn.Linear(7, 5), nn.LayerNorm(5)), nn.Linear(5, 3)
        ),
        _entropy,
        _dense,
        lambda model: [model[0], model[2], model],
    ),
    "tied": (Tied, _of_tokens, lambda n, s: _words(n, s, WORDS, LENGTH), lambda model: [*model.blocks, model]),
    "twice": (Twice, _entropy, _dense, lambda model: [model.again, model.frozen, model]),
    "recurrent": (
        Recurrent,
        _entropy,
        lambda n, s: _words(n, s, CLASSES),
        lambda model: [model.rnn, model.conv, model],
    ),
}


def scene(name: str, dtype: torch.dtype = torch.float64) -> Scene:
    """The same for the same name, on every rank."""
    make, loss, batch, parts = SCENES[name]
    torch.manual_seed(0)
    return Scene(make().to(dtype), loss, batch, parts)


def sharded(made: Scene, **options: Any) -> nn.Module:
    """The scene's model, each of its parts under `fully_shard`, the whole last."""
    from torch.distributed.fsdp import fully_shard

    for part in made.parts(made.model):
        fully_shard(part, **options)
    return made.model


def rows(batch: Batch, sizes: Sequence[int], rank: int) -> Batch:
    """A rank's part of a batch; ranks may have other numbers of examples."""
    start = sum(sizes[:rank])
    return {key: value[start : start + sizes[rank]] for key, value in batch.items()}


def whole(model: nn.Module) -> dict[str, Tensor]:
    """Every parameter and every gradient of a sharded model, whole."""
    found = {}
    for name, p in model.named_parameters():
        for key, value in ((name, p), (f"{name}.grad", p.grad)):
            if value is not None:
                value = value.detach()
                found[key] = (value.full_tensor() if hasattr(value, "full_tensor") else value).clone()
    return found
