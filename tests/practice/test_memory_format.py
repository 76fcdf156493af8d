"""channels_last, of the model, of the images, or of both: the same training, and the layout stays."""

import pytest
import torch

from practice.loop import assert_same_model, by_loop, by_reweigher, engines, network, train, ways

LAST = torch.channels_last


@engines
@ways
@pytest.mark.parametrize("what", ["model", "images", "both"])
def test_channels_last(engine, way, what):
    def images(batch):
        return {**batch, "x": batch["x"].to(memory_format=LAST)} if what != "model" else batch

    plain, model = network(engine), network(engine)
    train(plain, by_loop(plain))
    if what != "images":
        model.to(memory_format=LAST)
    train(model, by_reweigher(model, engine, way), wrap=images)
    assert_same_model(model, plain, engine)
    if what != "images":
        assert model.first[0].weight.is_contiguous(memory_format=LAST)
