"""Ranks among which a model is spread teach a rule what one process with the whole batch teaches it."""

import pytest
import torch

from reweigh import DeepInteraction, Learning, MetaWeightNet, Reweigher
from sharded_on_two import on_two
from sharded_scenes import rows, scene, sharded, whole
from two_ranks import on_ranks

KINDS = {
    "one": ("mlp", MetaWeightNet, {}, "sgd"),
    "one by adam": ("twice", lambda: MetaWeightNet(normalise="mean"), {}, "adam"),
    "one of tied": ("tied", MetaWeightNet, {}, "adamw"),
    "two": ("recurrent", MetaWeightNet, {"horizon": 2}, "sgd"),
    "three by adam": ("twice", MetaWeightNet, {"horizon": 3}, "adam"),
    "three of tied": ("tied", MetaWeightNet, {"horizon": 3}, "adamw"),
    "virtual": ("mlp", MetaWeightNet, {"look_ahead": "virtual"}, "adam"),
    "teacher": ("mlp", lambda: DeepInteraction(3), {}, "sgd"),
    "teacher, two": ("mlp", lambda: DeepInteraction(3), {"horizon": 2}, "sgd"),
    "teacher, followed": ("mlp", lambda: DeepInteraction(3, follow=True), {"horizon": 2}, "adam"),
}
QUICK = ["one of tied", "three by adam", "virtual", "teacher, two"]
OPTIMIZERS = {
    "sgd": lambda parameters: torch.optim.SGD(parameters, lr=0.2, momentum=0.9),
    "adam": lambda parameters: torch.optim.Adam(parameters, lr=0.02, amsgrad=True),
    # With an ordinary ε its first step would blow up the last bits of a weight where a gradient all but vanishes.
    "adamw": lambda parameters: torch.optim.AdamW(parameters, lr=0.02, eps=1e-3, foreach=True),
}
CLEAN, TRAIN, STEPS = 6, 8, 4


def taught_on(rank, kind):
    return taught(kind, sharded, lambda batch: rows(batch, {CLEAN: [3, 3], TRAIN: [5, 3]}[len(batch["y"])], rank))


def taught(kind, spread, part):
    name, rule, learning, optimizer = KINDS[kind]
    made, rule = scene(name), rule()
    model = spread(made)
    optimizer = OPTIMIZERS[optimizer](model.parameters())
    # Plain SGD for the rule: Adam would blow the last bits of a small derivative up to a whole step.
    learning = Learning(optimizer=lambda parameters: torch.optim.SGD(parameters, lr=1.0), **learning)
    clean = [part(made.batch(CLEAN, 9))]
    reweigher = Reweigher(model, made.loss, rule=rule, clean=clean, optimizer=optimizer, learning=learning)
    for k in range(STEPS):
        optimizer.zero_grad()
        reweigher.backward(part(made.batch(TRAIN, k)))
        if k == 0:
            before = {key: p.detach().clone() for key, p in rule.net.state_dict().items()}
        optimizer.step()
        reweigher.after_step()
    moved = max(float((p - before[key]).abs().max()) for key, p in rule.net.state_dict().items())
    found = {f"rule.{key}": p.detach().clone() for key, p in rule.net.state_dict().items()}
    return {**whole(model), **found}, moved, reweigher.explain()


def is_what_one_process_teaches(ranks, kind):
    there, moved, _ = taught(kind, lambda made: made.model, lambda batch: batch)
    assert moved > 1e-4  # far more than what is allowed
    for here, _, told in ranks:
        assert "central differences" not in told
        for key, value in there.items():  # the rule's own network is in float32
            assert torch.allclose(here[key], value, rtol=2e-6, atol=1e-6), key


@pytest.mark.parametrize("kind", QUICK)
def test_two_ranks_teach_what_one_does(kind):
    is_what_one_process_teaches([rank[f"learning {kind}"] for rank in on_two()], kind)


def all_on(rank):
    return {kind: taught_on(rank, kind) for kind in KINDS}


@pytest.mark.slow
def test_two_ranks_teach_what_one_does_in_every_way():
    ranks = on_ranks(2, all_on)
    for kind in KINDS:
        is_what_one_process_teaches([rank[kind] for rank in ranks], kind)
