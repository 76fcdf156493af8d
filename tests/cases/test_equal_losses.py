"""Losses that compare by value, as dataclasses do: each is an object of its own, and needs no hash."""

import dataclasses

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from reweigh import L2RW, Reweigher


def data(n, seed):
    g = torch.Generator().manual_seed(seed)
    return {"x": torch.randn(n, 6, generator=g), "y": torch.randint(3, (n,), generator=g)}


class _Scaled:
    def __call__(self, model, batch):
        self.bank.add_(1)
        return self.scale * F.cross_entropy(model(batch["x"]), batch["y"], reduction="none")

    def loss(self, model, batch):
        return self(model, batch)


@dataclasses.dataclass
class Mutable(_Scaled):
    scale: float
    bank: torch.Tensor = dataclasses.field(default_factory=lambda: torch.zeros(3), compare=False)


@dataclasses.dataclass(frozen=True)
class Frozen(_Scaled):
    scale: float
    bank: torch.Tensor = dataclasses.field(default_factory=lambda: torch.zeros(3), compare=False)


@pytest.mark.parametrize("kind", [Mutable, Frozen])
@pytest.mark.parametrize("get", [lambda loss: loss, lambda loss: loss.loss], ids=["called", "by method"])
def test_equal_losses_of_one_model_are_each_left_as_found(kind, get):
    model, losses = nn.Linear(6, 3), [kind(2.0), kind(2.0)]
    for loss in losses:
        Reweigher(model, get(loss), rule=L2RW(), clean=[data(4, 1)]).weigh(data(6, 0))
    assert not any(loss.bank.any() for loss in losses)
