"""Presets: what a name stands for, and that what is given counts before it."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from reweigh import L2RW, MetaWeightNet, Reweigher
from reweigh.errors import BadInput
from reweigh.presets import PRESETS, preset_named


def losses(model, batch):
    return F.cross_entropy(model(batch["x"]), batch["y"], reduction="none")


def batch_of(size):
    generator = torch.Generator().manual_seed(size)
    return {"x": torch.randn(size, 4, generator=generator), "y": torch.randint(3, (size,), generator=generator)}


def weights_of(**options):
    """Of five steps' batches, and how many clean examples each step saw."""
    torch.manual_seed(0)
    model, sizes = nn.Linear(4, 3), []

    def counted(m, b):
        sizes.append(len(b["x"]))
        return losses(m, b)

    by_rule = Reweigher(model, losses, rule=L2RW(), clean_loss=counted, **{"clean": batch_of(200), **options})
    return torch.stack([by_rule.weigh(batch_of(30)) for _ in range(5)]), sizes


def test_exact_is_the_default_and_takes_a_hundred_clean_examples_each_time():
    weights, sizes = weights_of(preset="exact")
    assert torch.equal(weights, weights_of()[0])
    assert sizes == [100] * 5


def test_fast_is_what_its_settings_say():
    fast = PRESETS["fast"]
    weights, sizes = weights_of(preset="fast")
    by_hand, _ = weights_of(clean_batch_size=fast.clean_batch_size, skip_zeros=fast.skip_zeros)
    assert torch.equal(weights, by_hand)
    assert not torch.equal(weights, weights_of()[0])
    assert sizes == [16] * 5


def test_fast_skips_zero_weights():
    torch.manual_seed(0)
    model, clean = nn.Linear(4, 3), batch_of(50)
    said = []
    for options in ({"preset": "fast"}, {"preset": "fast", "skip_zeros": False}):
        by_rule = Reweigher(model, losses, rule=L2RW(), clean=clean, engine="forward", **options)
        by_rule.backward(batch_of(30))
        said.append("zero weights: a pass over the other examples only" in by_rule.explain())
    assert said == [True, False]


def test_what_is_given_counts_before_the_preset():
    weights, sizes = weights_of(preset="fast", clean_batch_size=20)
    assert torch.equal(weights, weights_of(clean_batch_size=20)[0])
    assert sizes == [20] * 5


def test_rules_that_learn_take_the_smaller_clean_batches():
    model, sizes = nn.Linear(4, 3), []

    def counted(m, b):
        sizes.append(len(b["x"]))
        return losses(m, b)

    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    options = {"clean": batch_of(200), "clean_loss": counted, "optimizer": optimizer, "preset": "fast"}
    by_rule = Reweigher(model, losses, rule=MetaWeightNet(), **options)
    by_rule.backward(batch_of(30))
    optimizer.step()
    by_rule.after_step()
    assert sizes == [16]


def test_clean_batches_that_come_ready_made_stay_as_they_are():
    _, sizes = weights_of(preset="fast", clean=[batch_of(40)])
    assert set(sizes) == {40}


def test_a_small_clean_set_is_taken_whole():
    _, sizes = weights_of(preset="fast", clean=batch_of(7))
    assert set(sizes) == {7}


def test_a_name_that_is_none():
    with pytest.raises(BadInput, match="no preset 'quick': choose 'exact' or 'fast'"):
        preset_named("quick")
