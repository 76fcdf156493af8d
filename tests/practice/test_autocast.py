"""bfloat16 autocast around the model: float32 gradients, and weights as near to the truth as bfloat16 lets a gradient be."""

import copy

import pytest
import torch

import reference
from practice.loop import CLEAN, batch_of, losses, network, ways
from reweigh import L2RW, Reweigher

ENGINES = ("ghost", "forward", "double", "auto")


def single(engine):
    return network(engine).float()


def numbers(batch):
    return {**batch, "x": batch["x"].float()}


def in_bfloat16(model, batch):
    with torch.autocast("cpu", torch.bfloat16):
        return losses(model, batch)


@ways
@pytest.mark.parametrize("where", ["inside", "outside"])
@pytest.mark.parametrize("engine", ENGINES)
def test_training_under_autocast(engine, way, where):
    """`where` autocast stands: in the per-example loss, or around the whole step."""
    model, loss = single(engine), in_bfloat16 if where == "inside" else losses
    by_rule = Reweigher(model, loss, rule=L2RW(), clean=[numbers(CLEAN)], engine=engine)
    batch = numbers(batch_of(1, 40))
    direction = reference.loop_clean_direction(copy.deepcopy(model), in_bfloat16, numbers(CLEAN))
    truth = reference.l2rw_weights(reference.loop_alignments(copy.deepcopy(model), in_bfloat16, batch, direction))
    twin = copy.deepcopy(model)
    with torch.autocast("cpu", torch.bfloat16, enabled=where == "outside"):
        if way == "fused":
            weights = by_rule.backward(batch).weights
        else:
            weights = by_rule.weigh(batch)
            loss(model, batch).backward(weights)
    assert float((weights - truth).norm()) <= 0.05 * float(truth.norm())
    (in_bfloat16(twin, batch) * weights).sum().backward()
    for p, q in zip(model.parameters(), twin.parameters(), strict=True):
        assert p.grad.dtype == torch.float32
        assert float((p.grad - q.grad).norm()) <= 0.03 * float(q.grad.norm()) + 1e-5


@pytest.mark.parametrize("engine", ENGINES)
def test_it_learns(engine):
    """Twenty steps with a clean set like the training set: the loss falls as it does in float32."""
    ends = []
    for loss in (losses, in_bfloat16):
        model = single(engine)
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.02)
        by_rule = Reweigher(model, loss, rule=L2RW(), clean=[numbers(batch_of(1, 40))], engine=engine)
        for _ in range(20):
            optimizer.zero_grad()
            by_rule.backward(numbers(batch_of(1, 40)))
            optimizer.step()
        ends.append(float(losses(model, numbers(batch_of(1, 40))).detach().mean()))
    assert ends[1] < 0.9
    assert ends[1] == pytest.approx(ends[0], rel=0.15)
