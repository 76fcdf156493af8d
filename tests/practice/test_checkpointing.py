"""Non-reentrant activation checkpointing: blocks are run again in the backward pass, and the weights do not notice."""

import pytest
import torch
from torch.utils.checkpoint import checkpoint, checkpoint_sequential

from practice.loop import assert_same_model, by_loop, by_reweigher, engines, network, train, ways


def checkpointed(net, how):
    """The same network, with parts of it recomputed."""

    def forward(x):
        if how == "parts":
            x = checkpoint(net.first, x, use_reentrant=False)
            x = checkpoint(net.second, x, use_reentrant=False)
        else:
            x = checkpoint_sequential(net.second, 2, net.first(x), use_reentrant=False)
        return net.head(x.mean((2, 3)))

    net.forward = forward
    return net


@engines
@ways
@pytest.mark.parametrize("how", ["parts", "sequence"])
def test_recomputed_blocks(engine, way, how):
    plain, model = network(engine), checkpointed(network(engine), how)
    train(plain, by_loop(plain))
    train(model, by_reweigher(model, engine, way))
    buffers = {name for name, _ in model.named_buffers()}
    if how == "parts":  # plain PyTorch moves BatchNorm's statistics twice in a recomputed block
        model.load_state_dict({name: b for name, b in plain.state_dict().items() if name in buffers}, strict=False)
    assert_same_model(model, plain, engine)


@pytest.mark.parametrize("engine", ["ghost", "forward", "double", "auto"])
def test_recomputed_dropout_has_the_masks_of_the_first_time(engine):
    plain, model = (network(engine, dropout=0.4) for _ in range(2))
    checkpointed(model, "parts")
    for twin in (plain, model):
        torch.manual_seed(5)
        train(twin, by_reweigher(twin, engine, "apart"), steps=2)
    buffers = {name for name, _ in model.named_buffers()}
    model.load_state_dict({name: b for name, b in plain.state_dict().items() if name in buffers}, strict=False)
    assert_same_model(model, plain, engine)
