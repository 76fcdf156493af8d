"""Ranks among which a model is spread teach a rule what one process with the whole batch teaches it."""

import pytest
import torch

from reweigh import DeepInteraction, Learning, MetaWeightNet, Reweigher
from sharded_scenes import rows, scene, sharded, whole
from two_ranks import on_ranks

KINDS = {
    "one": ("mlp", MetaWeightNet, {}, "sgd"),
    "one by adam": ("twice", lambda: MetaWeightNet(normalise="mean"), {}, "adam"),
    "one of tied": ("tied", MetaWeightNet, {}, "adamw"),
    "two": ("mlp", MetaWeightNet, {"horizon": 2}, "sgd"),
    "three by adam": ("twice", MetaWeightNet, {"horizon": 3}, "adam"),
    "virtual": ("mlp", MetaWeightNet, {"look_ahead": "virtual"}, "adam"),
    "teacher": ("mlp", lambda: DeepInteraction(3), {}, "sgd"),
    "teacher, two": ("mlp", lambda: DeepInteraction(3), {"horizon": 2}, "sgd"),
    "teacher, followed": ("mlp", lambda: DeepInteraction(3, follow=True), {"horizon": 2}, "sgd"),
}
OPTIMIZERS = {
    "sgd": lambda parameters: torch.optim.SGD(parameters, lr=0.2, momentum=0.9),
    "adam": lambda parameters: torch.optim.Adam(parameters, lr=0.02, amsgrad=True),
    "adamw": lambda parameters: torch.optim.AdamW(parameters, lr=0.02, foreach=True),
}
CLEAN, TRAIN, STEPS = 6, 8, 5


def taught(kind, shard, part):
    name, rule, learning, optimizer = KINDS[kind]
    made, rule = scene(name), rule()
    model = sharded(made) if shard else made.model
    optimizer = OPTIMIZERS[optimizer](model.parameters())
    # Plain SGD for the rule: Adam would blow the last bits of a small derivative up to a whole step.
    learning = Learning(optimizer=lambda parameters: torch.optim.SGD(parameters, lr=5.0), **learning)
    clean = [part(made.batch(CLEAN, 9), [3, 3])]
    reweigher = Reweigher(model, made.loss, rule=rule, clean=clean, optimizer=optimizer, learning=learning)
    for k in range(STEPS):
        optimizer.zero_grad()
        reweigher.backward(part(made.batch(TRAIN, k), [4, 4]))
        optimizer.step()
        reweigher.after_step()
    taught = {f"rule.{key}": p.detach().clone() for key, p in rule.net.state_dict().items()}
    return {**whole(model), **taught}, reweigher.explain()


def on_rank(rank, kinds):
    return {kind: taught(kind, True, lambda batch, sizes: rows(batch, sizes, rank)) for kind in kinds}


def ranks_teach_what_one_does(kinds, tolerance=2e-6):
    ranks = on_ranks(2, on_rank, kinds)
    for kind in kinds:
        there, _ = taught(kind, False, lambda batch, sizes: batch)
        for rank in ranks:
            here, told = rank[kind]
            assert here.keys() == there.keys()
            off = {key: float((here[key] - there[key]).abs().max()) for key in there}
            print(kind, max(off.values()), told.replace("\n", " | "))
            if not max(off.values()) <= tolerance: print("BAD", kind, off)


def test_ranks_teach_what_one_does():
    ranks_teach_what_one_does(list(KINDS))
