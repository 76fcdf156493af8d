"""Gradient accumulation: each micro-batch has weights of its own, and their gradients add up."""

import torch

import reference
from practice.loop import (
    ALLOWED,
    assert_trains_as_the_loop,
    batch_of,
    by_reweigher,
    engines,
    loop_alignments,
    losses,
    network,
    ways,
)


@engines
@ways
def test_micro_batches_add_up(engine, way):
    assert_trains_as_the_loop(engine, way, accumulate=3)


@engines
def test_scaled_micro_batches(engine):
    """People divide by the number of micro-batches: scale the loss that is backpropagated, here by the gradient itself."""
    model = network(engine)
    add = by_reweigher(model, engine, "fused")
    for seed in range(2):
        add(batch_of(seed))
    found = [p.grad / 2 for p in model.parameters()]
    twin, expected = network(engine), None
    for seed in range(2):
        weights = reference.l2rw_weights(loop_alignments(twin, batch_of(seed)))
        grads = torch.autograd.grad((losses(twin, batch_of(seed)) * weights / 2).sum(), list(twin.parameters()))
        expected = list(grads) if expected is None else [e + g for e, g in zip(expected, grads, strict=True)]
    allowed = ALLOWED.get(engine, 1e-9)
    torch.testing.assert_close(found, expected, rtol=allowed, atol=allowed)
