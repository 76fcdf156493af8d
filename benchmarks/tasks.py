"""What is measured: a model, a batch of n examples and a clean batch of m, drawn from a fixed seed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reweigh.models import build

Batch = dict[str, Tensor]
SEED = 0
CLASSES = 10
TOKENS, VOCABULARY = 128, 1000


@dataclass(frozen=True)
class Task:
    """One row of the table: `model` is a name of `reweigh.models` or of NAMED, n and m the two batch sizes."""

    model: str
    n: int
    m: int

    @property
    def title(self) -> str:
        return f"{self.model}, {self.n} + {self.m}"


TASKS = (
    Task("lenet", 100, 100),
    Task("resnet32", 100, 100),
    Task("resnet32", 100, 16),
    Task("resnet32", 100, 12),
    Task("resnet32-groupnorm", 100, 100),
    Task("resnet32-groupnorm", 100, 12),
    Task("wrn-16-4", 64, 64),
    Task("wrn-16-4", 64, 8),
    Task("wrn-16-4-groupnorm", 64, 64),
    Task("wrn-16-4-groupnorm", 64, 8),
    Task("transformer", 32, 32),
    Task("transformer", 32, 4),
)
MODELS = tuple(dict.fromkeys(task.model for task in TASKS))
SHAPES: dict[str, tuple[int, ...]] = {"lenet": (1, 28, 28), "transformer": (TOKENS,)}
OPTIONS: dict[str, dict[str, Any]] = {"transformer": {"vocabulary": VOCABULARY, "width": 128, "layers": 4}}
NAMED: dict[str, tuple[str, dict[str, Any]]] = {
    "resnet32-groupnorm": ("resnet32", {"norm": "group"}),
    "wrn-16-4-groupnorm": ("wrn-16-4", {"norm": "group"}),
}
LAST_BLOCK = {
    "lenet": ["output"],
    "resnet32": ["blocks.14", "output"],
    "wrn-16-4": ["blocks.5", "last_norm", "output"],
    "transformer": ["blocks.3", "last_norm", "output"],
}
"""What `layers=` is given to take the alignment along the last block and the classifier only."""


def per_example_loss(model: Callable[[Tensor], Tensor], batch: Batch) -> Tensor:
    """Cross-entropy (B,) of each example."""
    return F.cross_entropy(model(batch["x"]), batch["y"], reduction="none")


def make_model(task: Task) -> nn.Module:
    """The task's model in train mode, always with the same weights."""
    shape = SHAPES.get(task.model, (3, 32, 32))
    name, options = NAMED.get(task.model, (task.model, OPTIONS.get(task.model, {})))
    return build(name, input_shape=shape, classes=CLASSES, seed=SEED, **options)


def last_block(task: Task) -> list[str]:
    """Patterns for `layers=` that choose the last block and the classifier."""
    return LAST_BLOCK[NAMED.get(task.model, (task.model,))[0]]


def make_batches(task: Task) -> tuple[Batch, Batch]:
    """The training batch (n examples) and the clean batch (m), always with the same numbers."""
    torch.manual_seed(SEED)
    return _random_batch(task, task.n), _random_batch(task, task.m)


def _random_batch(task: Task, size: int) -> Batch:
    shape = (size, *SHAPES.get(task.model, (3, 32, 32)))
    x = torch.randint(VOCABULARY, shape) if task.model == "transformer" else torch.randn(shape)
    return {"x": x, "y": torch.randint(CLASSES, (size,))}


def to_double(batch: Batch) -> Batch:
    """The batch with its floating-point tensors in float64."""
    return {key: value.double() if value.is_floating_point() else value for key, value in batch.items()}
