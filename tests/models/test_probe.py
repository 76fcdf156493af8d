"""A frozen body under a head that learns."""

import torch
from torch import nn

from reweigh.models import Probe


def body():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(12, 5), nn.BatchNorm1d(5), nn.Dropout(0.5))


def test_the_body_stays_as_it_is_and_the_head_learns():
    model, x = Probe.linear(body(), (3, 2, 2), 4), torch.randn(6, 3, 2, 2)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.train()
    assert model.head.training
    assert not any(module.training for module in model.body.modules())
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=1.0)
    model(x).square().sum().backward()
    optimizer.step()
    after = model.state_dict()
    changed = {name for name, value in before.items() if not torch.equal(value, after[name])}
    assert changed == {"head.1.weight", "head.1.bias"}


def test_the_head_fits_what_the_body_says():
    model, x = Probe.linear(body(), (3, 2, 2), 4), torch.randn(6, 3, 2, 2)
    assert model.head[1].weight.shape == (4, 5)
    assert torch.equal(model(x), model.head(model.body(x)))
    own = Probe(body(), nn.Linear(5, 2))
    assert own(x).shape == (6, 2)
