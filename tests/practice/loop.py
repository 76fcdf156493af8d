"""The loop that each habit is tried in: the library's weights and gradients against a loop over examples, step by step."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import reference
from reweigh import L2RW, Reweigher

ENGINES = ("ghost", "forward", "finite", "double", "auto")
ALLOWED = {"finite": 1e-4}
"""How far parameters may be from the reference's after some steps in float64; where nothing is said, 1e-9."""
ways = pytest.mark.parametrize("way", ["fused", "apart"])
engines = pytest.mark.parametrize("engine", ENGINES)
Gradients = Callable[[Any], object]
"""Adds a batch's weighted gradient to `.grad`."""


class Net(nn.Module):
    """Two convolutions with a norm that mixes examples, or one that does not, and a classifier."""

    def __init__(self, norm: nn.Module, dropout: float = 0.0) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(2, 8, 3, padding=1), norm, nn.Tanh(), nn.Dropout(dropout))
        self.second = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.Tanh())
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.second(self.first(x)).mean((2, 3)))


def network(engine: str, dropout: float = 0.0) -> Net:
    """With batch normalisation; for ghost, which refuses that, with one within an example."""
    torch.manual_seed(3)
    norm: nn.Module = nn.GroupNorm(2, 8) if engine == "ghost" else nn.BatchNorm2d(8)
    return Net(norm, dropout).double()


def batch_of(seed: int, size: int = 7) -> dict[str, Tensor]:
    source = torch.Generator().manual_seed(seed)
    x = torch.randn(size, 2, 6, 6, generator=source, dtype=torch.float64)
    return {"x": x, "y": torch.randint(3, (size,), generator=source)}


CLEAN = batch_of(99, 6)


def losses(model: nn.Module, batch: Any) -> Tensor:
    return F.cross_entropy(model(batch["x"]), batch["y"], reduction="none")


def by_reweigher(model: nn.Module, engine: str, way: str, loss: Any = losses, **options: Any) -> Gradients:
    by_rule = Reweigher(model, loss, rule=L2RW(), clean=[CLEAN], engine=engine, **options)

    def apart(batch: Any) -> None:
        weights = by_rule.weigh(batch)
        loss(model, batch).backward(weights)

    return by_rule.backward if way == "fused" else apart


def by_loop(model: nn.Module, loss: Any = losses) -> Gradients:
    """Every example's alignment from a backward pass of its own, then the weighted gradient."""

    def add(batch: Any) -> None:
        weights = reference.l2rw_weights(loop_alignments(model, batch, loss))
        assert 0 < int((weights > 0).sum()) < len(weights), "a batch that tells nothing"
        loss(model, batch).backward(weights)

    return add


def loop_alignments(model: nn.Module, batch: Any, loss: Any = losses) -> Tensor:
    """On twins, so that the model's buffers stay as they are."""
    direction = reference.loop_clean_direction(copy.deepcopy(model), loss, CLEAN)
    return reference.loop_alignments(copy.deepcopy(model), loss, batch, direction)


def train(
    model: nn.Module,
    add: Gradients,
    optimizer: torch.optim.Optimizer | None = None,
    *,
    steps: int = 3,
    accumulate: int = 1,
    clip: float | None = None,
    wrap: Callable[[Any], Any] = lambda batch: batch,
) -> None:
    optimizer = optimizer or torch.optim.SGD(model.parameters(), lr=0.3, momentum=0.9)
    for step in range(steps):
        optimizer.zero_grad()
        for part in range(accumulate):
            add(wrap(batch_of(10 * step + part)))
        if clip is not None:
            assert nn.utils.clip_grad_norm_(model.parameters(), clip) > clip
        optimizer.step()


def assert_same_model(found: nn.Module, expected: nn.Module, engine: str, allowed: float | None = None) -> None:
    """Parameters and buffers, to what the engine allows."""
    allowed = ALLOWED.get(engine, 1e-9) if allowed is None else allowed
    left, right = reference.bare(found).state_dict(), expected.state_dict()
    assert list(left) == list(right)
    for name, value in right.items():
        torch.testing.assert_close(left[name], value, rtol=allowed, atol=allowed, msg=name)


def assert_trains_as_the_loop(engine: str, way: str, **habits: Any) -> None:
    """The same habits in both loops, on models that are equal."""
    plain, model = network(engine), network(engine)
    train(plain, by_loop(plain), **habits)
    train(model, by_reweigher(model, engine, way), **habits)
    assert_same_model(model, plain, engine)
