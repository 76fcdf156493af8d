"""A student in training under each rule, with a batch of it that was spoilt, and whether two such runs are the same."""

import math

import torch
from torch import nn
from torch.nn import functional as F

from reweigh import ClassAwareWeightNet, DeepInteraction, Learning, MetaWeightNet, Reweigher
from reweigh.errors import BadInput, NonFinite
from reweigh.optimizers import ReversibleSGD

RULES = {
    "meta-weight-net": MetaWeightNet,
    "class-aware": lambda: ClassAwareWeightNet([5, 6, 7]),
    "deep-interaction": lambda: DeepInteraction(3),
}
LEARNING = {
    "real": {},
    "horizon": {"horizon": 3},
    "every second": {"horizon": 2, "every": 1},
    "virtual": {"look_ahead": "virtual"},
    "virtual-sgd": {"look_ahead": "virtual-sgd"},
    "reverse": {"horizon": 3, "memory": "reverse"},
}
BAD_AT = 4


def batch_of(seed, size=12):
    generator = torch.Generator().manual_seed(seed)
    y = torch.randint(3, (size,), generator=generator)
    x = torch.randn(size, 4, generator=generator)
    x[torch.arange(size), y] += 2
    return {"x": x, "y": y, "id": torch.arange(size) + 1000}


def losses(model, batch):
    return F.cross_entropy(model(batch["x"]), batch["y"], reduction="none")


def student():
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Dropout(0.2), nn.Linear(8, 3))


def nan_input(batch):
    batch["x"][5, 1] = math.nan


def infinite_input(batch):
    batch["x"][5, 1] = math.inf


def label_of_no_class(batch):
    batch["y"][5] = 8


def ignored_label(batch):
    batch["y"][5] = -100


def run(rule, learning, spoil=None, *, how="backward", clean=None, loss=losses, steps=9, **options):
    """Nine steps, of which the fifth is spoiled, or left out."""
    model = student()
    kind = ReversibleSGD if learning.get("memory") else torch.optim.SGD
    optimizer = kind(model.parameters(), lr=0.05, momentum=0.9)
    more = {"optimizer": optimizer, "learning": Learning(lr=0.01, **learning)} if rule.name in RULES else {}
    reweigher = Reweigher(model, loss, rule=rule, clean=clean or [batch_of(77, 9)], **more, **options)
    said = []
    torch.manual_seed(0)
    for k in range(steps):
        batch = batch_of(k)
        if k == BAD_AT:
            if spoil is None:
                continue
            spoil(batch)
            before = reweigher.report
        optimizer.zero_grad()
        try:
            if how == "weigh":
                weights = reweigher.weigh(batch)
                losses(model, batch).backward(weights)
            else:
                reweigher.backward(batch)
        except (NonFinite, BadInput, IndexError) as error:
            said.append(error)
            assert reweigher.report is before
            assert all(p.grad is None for p in model.parameters())
            continue
        optimizer.step()
        reweigher.after_step()
    return model, reweigher, said


def same_run(one, other):
    (model, by, _), (model2, by2, _) = one, other
    torch.testing.assert_close(model.state_dict(), model2.state_dict(), rtol=0, atol=0)
    assert by.report.step == by2.report.step
    if isinstance(by.rule, (MetaWeightNet, ClassAwareWeightNet, DeepInteraction)):
        torch.testing.assert_close(by.rule.net.state_dict(), by2.rule.net.state_dict(), rtol=0, atol=0)
    state, state2 = by.state_dict(), by2.state_dict()
    for state_of in (state, state2):
        state_of.pop("clean")
    assert str(state) == str(state2)
