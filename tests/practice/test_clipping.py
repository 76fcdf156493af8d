"""Gradient clipping, by norm and by value: it sees the weighted gradient, as in plain training."""

import torch
from torch import nn

from practice.loop import (
    assert_same_model,
    assert_trains_as_the_loop,
    batch_of,
    by_loop,
    by_reweigher,
    engines,
    network,
    ways,
)


@engines
@ways
def test_clipped_by_norm(engine, way):
    assert_trains_as_the_loop(engine, way, clip=0.01)


@engines
def test_clipped_by_value(engine):
    plain, model = network(engine), network(engine)
    for twin, add in ((plain, by_loop(plain)), (model, by_reweigher(model, engine, "fused"))):
        optimizer = torch.optim.SGD(twin.parameters(), lr=0.3)
        add(batch_of(0))
        nn.utils.clip_grad_value_(twin.parameters(), 1e-3)
        optimizer.step()
    assert_same_model(model, plain, engine)
