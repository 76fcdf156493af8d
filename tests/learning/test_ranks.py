"""Two ranks with half a batch each teach the rule what one rank with the whole batch teaches it."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from reweigh import DeepInteraction, Learning, MetaWeightNet, Reweigher
from two_ranks import on_two_ranks

KINDS = {
    "real": (lambda: DeepInteraction(3), {"horizon": 2}),
    "virtual": (MetaWeightNet, {"look_ahead": "virtual"}),
    "mean": (lambda: MetaWeightNet(normalise="mean"), {"horizon": 2}),
}


def losses(model, batch):
    return F.cross_entropy(model(batch["x"]), batch["y"], reduction="none")


def batch_of(seed, size):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(size, 4, generator=generator).double()
    return {"x": x, "y": torch.randint(3, (size,), generator=generator)}


def taught(kind, part, wrap):
    make, learning = KINDS[kind]
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3)).double()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3, momentum=0.9)
    clean = [{key: t[part(10)] for key, t in batch_of(99, 10).items()}]
    rule = make()
    # Plain SGD for the rule: Adam would blow the last bits of a small derivative up to a whole step.
    learning = Learning(optimizer=lambda parameters: torch.optim.SGD(parameters, lr=5.0), **learning)
    reweigher = Reweigher(wrap(model), losses, rule=rule, clean=clean, optimizer=optimizer, learning=learning)
    for k in range(6):
        optimizer.zero_grad()
        reweigher.backward({key: t[part(12)] for key, t in batch_of(k, 12).items()})
        optimizer.step()
        reweigher.after_step()
    return {**model.state_dict(), **{f"rule.{key}": p for key, p in rule.net.state_dict().items()}}


def on_rank(rank):
    return {
        kind: taught(kind, lambda n: slice(rank * n // 2, (rank + 1) * n // 2), nn.parallel.DistributedDataParallel)
        for kind in KINDS
    }


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
def test_two_ranks_teach_what_one_does():
    one, other = on_two_ranks(on_rank)
    for kind in KINDS:
        torch.testing.assert_close(one[kind], other[kind], rtol=0, atol=0)
        whole = taught(kind, lambda n: slice(None), lambda model: model)
        torch.testing.assert_close(one[kind], whole, rtol=2e-4, atol=2e-5)
