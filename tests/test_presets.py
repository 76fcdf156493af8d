"""Presets: what a name stands for, and that what is given counts before it."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from reweigh import L2RW, MetaWeightNet, Reweigher
from reweigh.errors import BadInput
from reweigh.presets import preset_named
from reweigh.trained import last_layers


def losses(model, batch):
    return F.cross_entropy(model(batch["x"]), batch["y"], reduction="none")


def batch_of(size):
    generator = torch.Generator().manual_seed(size)
    return {"x": torch.randn(size, 4, generator=generator), "y": torch.randint(3, (size,), generator=generator)}


def deep():
    return nn.Sequential(nn.Linear(4, 6), *(nn.Linear(6, 6) for _ in range(6)), nn.Linear(6, 3))


def weights_of(**options):
    """Of five batches."""
    torch.manual_seed(0)
    by_rule = Reweigher(deep(), losses, rule=L2RW(), clean=batch_of(200), **options)
    return torch.stack([by_rule.weigh(batch_of(30)) for _ in range(5)])


def test_exact_is_the_default():
    assert torch.equal(weights_of(preset="exact"), weights_of())


def test_fast_looks_at_the_last_quarter_of_the_layers():
    weights = weights_of(preset="fast")
    assert torch.equal(weights, weights_of(layers=["6", "7"], skip_zeros=True))
    assert not torch.equal(weights, weights_of())


def test_what_is_given_counts_before_the_preset():
    assert torch.equal(weights_of(preset="fast", layers="*"), weights_of())
    assert torch.equal(weights_of(preset="fast", layers="0"), weights_of(layers="0"))


def test_fast_skips_zero_weights():
    torch.manual_seed(0)
    model, clean = nn.Linear(4, 3), batch_of(50)
    said = []
    for options in ({"preset": "fast"}, {"preset": "fast", "skip_zeros": False}):
        by_rule = Reweigher(model, losses, rule=L2RW(), clean=clean, engine="forward", **options)
        by_rule.backward(batch_of(30))
        said.append("zero weights: a pass over the other examples only" in by_rule.explain())
    assert said == [True, False]


def test_rules_that_learn_look_at_the_last_layers_too():
    found = []
    for options in ({"preset": "fast"}, {"layers": ["6", "7"]}):
        torch.manual_seed(0)
        model, rule = deep(), MetaWeightNet()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        by_rule = Reweigher(model, losses, rule=rule, clean=batch_of(50), optimizer=optimizer, **options)
        for _ in range(3):
            optimizer.zero_grad()
            by_rule.backward(batch_of(30))
            optimizer.step()
            by_rule.after_step()
        found.append(rule.state_dict()["net"])
    torch.testing.assert_close(*found, rtol=0, atol=0)


def test_the_last_layers():
    assert last_layers(deep()) == ["6", "7"]
    assert last_layers(deep(), share=0.5) == ["4", "5", "6", "7"]
    assert last_layers(nn.Linear(2, 2)) == []  # the model itself, which has no other name
    model = deep()
    model[7].requires_grad_(False)
    assert last_layers(model) == ["5", "6"]
    assert last_layers(nn.TransformerEncoderLayer(8, 2)) == ["norm1", "norm2"]


def test_a_name_that_is_none():
    with pytest.raises(BadInput, match="no preset 'quick': choose 'exact' or 'fast'"):
        preset_named("quick")
