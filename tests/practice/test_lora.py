"""LoRA: a frozen network with small trained products beside its linear layers, as a module or as a parametrization."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrize

from practice.loop import assert_same_model, by_loop, by_reweigher, engines, train, ways


class Adapted(nn.Module):
    """W₀x + b + s·B(Ax), with W₀ and b frozen."""

    def __init__(self, base, rank=2, scale=2.0):
        super().__init__()
        self.base, self.scale = base.requires_grad_(False), scale
        self.down = nn.Linear(base.in_features, rank, bias=False)
        self.up = nn.Linear(rank, base.out_features, bias=False)

    def forward(self, x):
        return self.base(x) + self.scale * self.up(self.down(x))


class Product(nn.Module):
    """A parametrization: W₀ + B·A."""

    def __init__(self, rows, columns, rank=2):
        super().__init__()
        self.up, self.down = nn.Parameter(torch.randn(rows, rank) / 3), nn.Parameter(torch.randn(rank, columns) / 3)

    def forward(self, weight):
        return weight + self.up @ self.down


class Attending(nn.Module):
    """A small pre-trained Transformer block over 36 positions of 2 numbers."""

    def __init__(self, how):
        super().__init__()
        self.embed, self.norm = nn.Linear(2, 8), nn.LayerNorm(8)
        self.query_key_value, self.out, self.head = nn.Linear(8, 24), nn.Linear(8, 8), nn.Linear(8, 3)
        self.requires_grad_(False)
        self.head.requires_grad_(True)
        for name in ("query_key_value", "out"):
            base = getattr(self, name)
            if how == "module":
                setattr(self, name, Adapted(base))
            else:
                parametrize.register_parametrization(base, "weight", Product(*base.weight.shape))

    def forward(self, x):
        x = self.embed(x.flatten(2).mT)
        q, k, v = self.query_key_value(self.norm(x)).chunk(3, -1)
        x = x + self.out(F.scaled_dot_product_attention(q, k, v))
        return self.head(x.mean(1))


def adapted(how):
    torch.manual_seed(4)
    return Attending(how).double()


@engines
@ways
@pytest.mark.parametrize("how", ["module", "parametrization"])
def test_adapters(engine, way, how):
    plain, model = adapted(how), adapted(how)
    train(plain, by_loop(plain))
    train(model, by_reweigher(model, engine, way))
    assert_same_model(model, plain, engine)
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    assert all((p.grad is not None) == (name in trained) for name, p in model.named_parameters())
    assert len(trained) == 6


@engines
def test_only_the_adapters_are_compared(engine):
    plain, model = adapted("module"), adapted("module")
    for twin in (plain, model):
        twin.head.requires_grad_(False)
    train(plain, by_loop(plain))
    model.head.requires_grad_(True)
    add = by_reweigher(model, engine, "fused", layers=["query_key_value", "out"])
    optimizer = torch.optim.SGD([p for n, p in model.named_parameters() if "head" not in n], lr=0.3, momentum=0.9)
    train(model, add, optimizer)
    assert_same_model(model, plain, engine)
