"""foreach and fused optimizers, and parameter groups: of the student, and looked ahead through with `optimizer=`."""

import copy

import pytest
import torch

import reference
from practice.loop import (
    ALLOWED,
    CLEAN,
    assert_same_model,
    batch_of,
    by_loop,
    by_reweigher,
    engines,
    losses,
    network,
    train,
    ways,
)
from reweigh import L2RW, Reweigher

KINDS = {
    "sgd": lambda params, **how: torch.optim.SGD(params, lr=0.3, momentum=0.9, weight_decay=1e-2, **how),
    "adamw": lambda params, **how: torch.optim.AdamW(params, lr=0.01, eps=1e-3, **how),
}
HOW = {"for-loop": {"foreach": False}, "foreach": {"foreach": True}, "fused": {"fused": True}}


@engines
@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("kind", KINDS)
def test_the_students_optimizer(engine, kind, how):
    plain, model = network(engine), network(engine)
    train(plain, by_loop(plain), KINDS[kind](plain.parameters(), **HOW["for-loop"]))
    train(model, by_reweigher(model, engine, "fused"), KINDS[kind](model.parameters(), **HOW[how]))
    assert_same_model(model, plain, engine, 1e-8 if engine != "finite" else 1e-3)


@engines
@pytest.mark.parametrize("how", ["foreach", "fused"])
@pytest.mark.parametrize("kind", KINDS)
def test_looked_ahead_through(engine, kind, how):
    """With `optimizer=` the direction is carried through its step, whichever way that is computed."""
    plain, model = network(engine), network(engine)
    for twin, of in ((plain, HOW["for-loop"]), (model, HOW[how])):
        optimizer = KINDS[kind](twin.parameters(), **of)
        train(twin, by_reweigher(twin, engine, "fused", optimizer=optimizer), optimizer)
    assert_same_model(model, plain, engine, 1e-8 if engine != "finite" else 1e-3)


def groups(model):
    """The head three times as fast, and without weight decay."""
    body = [p for name, p in model.named_parameters() if "head" not in name]
    head = {"params": model.head.parameters(), "lr": 0.3, "weight_decay": 0.0}
    return torch.optim.SGD([{"params": body}, head], lr=0.1, momentum=0.9, weight_decay=1e-2)


@engines
@ways
def test_parameter_groups(engine, way):
    plain, model = network(engine), network(engine)
    train(plain, by_loop(plain), groups(plain))
    train(model, by_reweigher(model, engine, way), groups(model))
    assert_same_model(model, plain, engine)


@engines
def test_the_direction_has_each_groups_learning_rate(engine):
    """A first SGD step without momentum's history: v is the clean gradient where decay leads, times each group's rate."""
    model = network(engine)
    ahead = copy.deepcopy(model)
    with torch.no_grad():
        for name, p in ahead.named_parameters():
            p.mul_(1.0 if "head" in name else 1 - 0.1 * 1e-2)
    direction = reference.loop_clean_direction(ahead, losses, CLEAN)
    scaled = {name: v * (0.3 if "head" in name else 0.1) for name, v in direction.items()}
    along = reference.loop_alignments(copy.deepcopy(model), losses, batch_of(1), scaled)
    by_rule = Reweigher(model, losses, rule=L2RW(), clean=[CLEAN], engine=engine, optimizer=groups(model))
    allowed = ALLOWED.get(engine, 1e-9)
    torch.testing.assert_close(by_rule.weigh(batch_of(1)), reference.l2rw_weights(along), rtol=allowed, atol=allowed)
