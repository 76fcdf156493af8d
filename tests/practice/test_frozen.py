"""Frozen parameters: they take no part, get no gradient, and may thaw in the middle of a run."""

import pytest
import torch

from practice.loop import assert_same_model, by_loop, by_reweigher, engines, network, train, ways

FROZEN = {"first": ["first."], "last": ["head."], "norms": ["first.1"], "biases": ["bias"]}


def freeze(model, what):
    for name, p in model.named_parameters():
        if any(part in name for part in FROZEN[what]):
            p.requires_grad_(False)
    return model


@engines
@ways
@pytest.mark.parametrize("what", FROZEN)
def test_frozen_parameters(engine, way, what):
    plain, model = freeze(network(engine), what), freeze(network(engine), what)
    train(plain, by_loop(plain))
    train(model, by_reweigher(model, engine, way))
    assert_same_model(model, plain, engine)
    for name, p in model.named_parameters():
        assert (p.grad is None) == any(part in name for part in FROZEN[what]), name


@engines
@ways
def test_thawed_in_the_middle(engine, way):
    plain, model = freeze(network(engine), "first"), freeze(network(engine), "first")
    adds = by_loop(plain), by_reweigher(model, engine, way)
    for twin, add in zip((plain, model), adds, strict=True):
        train(twin, add, steps=1)
        for p in twin.parameters():
            p.requires_grad_(True)
        train(twin, add, steps=2)
    assert_same_model(model, plain, engine)


@pytest.mark.parametrize("engine", ["ghost", "forward", "finite", "double", "auto"])
def test_batch_normalisation_frozen_in_eval_mode_under_a_training_model(engine):
    """As in fine-tuning: no layer mixes examples then, and every engine works."""
    plain, model = network("forward"), network("forward")
    for twin, add in ((plain, by_loop(plain)), (model, by_reweigher(model, engine, "fused"))):
        twin.first[1].eval()
        for p in twin.first[1].parameters():
            p.requires_grad_(False)
        train(twin, add)
    assert_same_model(model, plain, engine)
    assert torch.equal(model.first[1].running_mean, torch.zeros(8, dtype=torch.float64))
