"""The same training as the converted examples, as a loop without any host."""

import torch


def train(model, table, per_example_loss, optimizer, reweigher, epochs=2, accumulation=1):
    """Sequential batches of 20; the optimizer steps after `accumulation` of them."""
    model.train()
    optimizer.zero_grad()
    batches = [{name: column[i : i + 20] for name, column in table.items()} for i in range(0, 160, 20)] * epochs
    for step, batch in enumerate(batches, start=1):
        weights = reweigher.weigh(batch)
        losses = per_example_loss(model, batch)
        (losses / accumulation).backward(weights)
        if step % accumulation == 0:
            optimizer.step()
            reweigher.after_step()
            optimizer.zero_grad()
    return model


def assert_same(one, other):
    for (name, p), (_, q) in zip(one.state_dict().items(), other.state_dict().items(), strict=True):
        torch.testing.assert_close(p, q, rtol=0, atol=1e-5, msg=lambda said, name=name: f"{name}: {said}")


def differ(one, other):
    return any(not torch.allclose(p, q, atol=1e-4) for p, q in zip(one.parameters(), other.parameters(), strict=True))
