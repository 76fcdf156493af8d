"""What is measured: a model, a batch of n examples and a clean batch of m, drawn from a fixed seed."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks import language
from reweigh.models import build

Batch = dict[str, Tensor]
SEED = 0
CLASSES = 10
TOKENS, VOCABULARY = 128, 1000


@dataclass(frozen=True)
class Task:
    """A table of its own: `model` is a name of `reweigh.models`, of NAMED or of `language.SHAPES`; n, m: the batch sizes.

    `layers` and `length` are for Transformers, where growth is measured; `dtype` is "fp32", or "bf16" for autocast.
    """

    model: str
    n: int
    m: int
    layers: int | None = None
    length: int | None = None
    device: str = "cpu"
    dtype: str = "fp32"

    @property
    def title(self) -> str:
        size = "".join(
            f", {value} {what}" for what, value in (("layers", self.layers), ("tokens", self.length)) if value
        )
        where = "" if (self.device, self.dtype) == ("cpu", "fp32") else f", {self.device}, {self.dtype}"
        return f"{self.model}, {self.n} + {self.m}{size}{where}"


TASKS = (
    Task("lenet", 100, 100),
    Task("resnet32", 100, 100),
    Task("resnet32", 100, 12),
    Task("resnet32-groupnorm", 100, 100),
    Task("resnet32-groupnorm", 100, 12),
    Task("wrn-16-4", 64, 64),
    Task("wrn-16-4", 64, 8),
    Task("wrn-16-4-groupnorm", 64, 64),
    Task("wrn-16-4-groupnorm", 64, 8),
    Task("transformer", 32, 32),
    Task("transformer", 32, 4),
    Task("gpt-4x256", 8, 8),
    Task("gpt-4x256", 8, 1),
)
FULL = (
    Task("wrn-28-10", 128, 128),
    Task("wrn-28-10", 128, 16),
    Task("gpt2-small", 8, 8),
    Task("gpt2-small", 8, 1),
)
"""For a GPU, beside the others."""
MODELS = tuple(dict.fromkeys(task.model for task in TASKS + FULL))
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
    "wrn-28-10": ["blocks.11", "last_norm", "output"],
    "transformer": ["blocks.3", "last_norm", "output"],
    "gpt-4x256": ["blocks.3", "last_norm"],
    "gpt2-small": ["blocks.11", "last_norm"],
}
"""What `layers=` is given to take the alignment along the last block and the classifier only."""


def per_example_loss(model: Callable[[Tensor], Tensor], batch: Batch) -> Tensor:
    """Cross-entropy (B,) of each example; of a sequence with a label a token, their sum."""
    logits = model(batch["x"])
    logits = logits if logits.dtype == torch.float64 else logits.float()
    if batch["y"].ndim == 1:
        return F.cross_entropy(logits, batch["y"], reduction="none")
    return F.cross_entropy(logits.flatten(0, 1), batch["y"].flatten(), reduction="none").view_as(batch["y"]).sum(1)


def make_model(task: Task) -> nn.Module:
    """The task's model in train mode, always with the same weights."""
    if task.model in language.SHAPES:
        shape = language.SHAPES[task.model]
        shape = replace(shape, layers=task.layers or shape.layers, length=task.length or shape.length)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(SEED)
            model: nn.Module = language.LanguageModel(shape)
    else:
        name, options = NAMED.get(task.model, (task.model, OPTIONS.get(task.model, {})))
        options = options if task.layers is None else {**options, "layers": task.layers}
        model = build(name, input_shape=input_shape(task), classes=CLASSES, seed=SEED, **options)
    model.to(task.device)
    if task.dtype == "bf16":
        cast = torch.autocast(torch.device(task.device).type, torch.bfloat16)
        model.forward = functools.wraps(model.forward)(cast(model.forward))  # type: ignore[method-assign]
    return model


def input_shape(task: Task) -> tuple[int, ...]:
    """Of one example."""
    if task.model in language.SHAPES:
        return (task.length or language.SHAPES[task.model].length,)
    shape = SHAPES.get(task.model, (3, 32, 32))
    return shape if task.length is None else (task.length,)


def last_block(task: Task) -> list[str]:
    """Patterns for `layers=` that choose the last block and the classifier."""
    return LAST_BLOCK[NAMED.get(task.model, (task.model,))[0]]


def make_batches(task: Task) -> tuple[Batch, Batch]:
    """The training batch (n examples) and the clean batch (m), always with the same numbers."""
    torch.manual_seed(SEED)
    return _random_batch(task, task.n), _random_batch(task, task.m)


def _random_batch(task: Task, size: int) -> Batch:
    shape = (size, *input_shape(task))
    if task.model in language.SHAPES:
        words = language.SHAPES[task.model].words
        batch = {"x": torch.randint(words, shape), "y": torch.randint(words, shape)}
    else:
        x = torch.randint(VOCABULARY, shape) if task.model == "transformer" else torch.randn(shape)
        batch = {"x": x, "y": torch.randint(CLASSES, (size,))}
    return {key: value.to(task.device) for key, value in batch.items()}


def to_double(batch: Batch) -> Batch:
    """The batch with its floating-point tensors in float64."""
    return {key: value.double() if value.is_floating_point() else value for key, value in batch.items()}
