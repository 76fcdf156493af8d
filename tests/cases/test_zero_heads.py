"""Layers that no signal reaches at first: every identity is true of them then, and the engine must not be believed later."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from throughout import through, worst

D = 6


def data(n, seed):
    g = torch.Generator().manual_seed(seed)
    return {"x": torch.randn(n, D, generator=g, dtype=torch.float64), "y": torch.randint(3, (n,), generator=g)}


def losses(model, batch):
    return F.cross_entropy(model(batch["x"]), batch["y"], reduction="none")


CLEAN, BATCHES = data(12, 99), [data(8, k) for k in range(6)]


class HandNorm(nn.Module):
    """Batch normalisation written by hand, which mixes examples."""

    def __init__(self):
        super().__init__()
        self.gain, self.shift = nn.Parameter(torch.ones(D)), nn.Parameter(torch.zeros(D))

    def forward(self, x):
        return self.gain * (x - x.mean(0)) / (x.var(0) + 1e-5).sqrt() + self.shift


class Centred(nn.Module):
    def forward(self, x):
        return x - x.mean(0, keepdim=True)


class Neighbours(nn.Module):
    """What no name betrays: a product with a matrix as large as the batch."""

    def forward(self, x):
        return x + (torch.ones(len(x), len(x)).to(x) / len(x)) @ x


class Attending(nn.Module):
    """Examples attend to one another, as in tabular transformers over rows."""

    def __init__(self):
        super().__init__()
        self.q, self.k = nn.Linear(D, 4), nn.Linear(D, 4)

    def forward(self, x):
        return x + (self.q(x) @ self.k(x).T).softmax(-1) @ x


MIXING = {"norm": HandNorm, "centred": Centred, "product": Neighbours, "attention": Attending}


def zero_head(inside):
    model = nn.Sequential(nn.Linear(D, D), inside, nn.Tanh(), nn.Linear(D, 3))
    nn.init.zeros_(model[3].weight)
    nn.init.zeros_(model[3].bias)
    return model.double()


class Residual(nn.Module):
    """A branch that starts at zero: by its last layer, or by a factor."""

    def __init__(self, inside, by):
        super().__init__()
        self.branch = nn.Sequential(nn.Linear(D, D), inside, nn.Tanh(), nn.Linear(D, D))
        self.factor = nn.Parameter(torch.zeros(()) if by == "factor" else torch.ones(()))
        if by == "layer":
            nn.init.zeros_(self.branch[3].weight)
            nn.init.zeros_(self.branch[3].bias)

    def forward(self, x):
        return x + self.factor * self.branch(x)


class Adapter(nn.Module):
    """A low-rank branch beside a frozen layer; B starts at zero, and A sees examples that are mixed."""

    def __init__(self, inside):
        super().__init__()
        self.layer = nn.Linear(D, D).requires_grad_(False)
        self.down, self.inside, self.up = nn.Linear(D, 2, bias=False), inside, nn.Linear(2, D, bias=False)
        nn.init.zeros_(self.up.weight)

    def forward(self, x):
        return self.layer(x) + self.up(self.down(self.inside(x)))


def residual(by):
    return lambda inside: nn.Sequential(nn.Linear(D, D), Residual(inside, by), nn.Linear(D, 3)).double()


def adapter(inside):
    return nn.Sequential(nn.Linear(D, D), Adapter(inside), nn.Tanh(), nn.Linear(D, 3)).double()


MODELS = {
    "head": zero_head,
    "last layer of a branch": residual("layer"),
    "factor": residual("factor"),
    "adapter": adapter,
}


@pytest.mark.parametrize("how", ["backward", "weigh"])
@pytest.mark.parametrize("mixing", MIXING)
@pytest.mark.parametrize("start", ["head", "last layer of a branch"])
def test_what_mixes_examples_behind_a_zero_is_not_separated_later(start, mixing, how):
    torch.manual_seed(0)
    seen = through(MODELS[start](MIXING[mixing]()), losses, CLEAN, BATCHES, how=how, lr=0.5)
    assert worst(seen) < 1e-9, seen


@pytest.mark.parametrize("start", ["factor", "adapter"])
def test_neither_is_what_mixes_behind_a_factor_or_an_adapter(start):
    torch.manual_seed(0)
    seen = through(MODELS[start](HandNorm()), losses, CLEAN, BATCHES, lr=0.5)
    assert worst(seen) < 1e-9, seen


def test_a_named_engine_is_refused_with_a_zero_head():
    torch.manual_seed(0)
    seen = through(zero_head(HandNorm()), losses, CLEAN, BATCHES, engine="ghost", lr=0.5)
    assert worst(seen) < 1e-9
    assert all(batch.engine == "refused" for batch in seen)
    assert "engine='forward' works" in seen[0].said


@pytest.mark.parametrize("start", MODELS)
def test_no_false_alarm_zeros_do_not_cost_the_cheapest_engine(start):
    torch.manual_seed(0)
    seen = through(MODELS[start](nn.LayerNorm(D)), losses, CLEAN, BATCHES, lr=0.5)
    assert worst(seen) < 1e-9
    assert {batch.engine for batch in seen} == {"Ghost()"}
