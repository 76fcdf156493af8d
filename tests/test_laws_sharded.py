"""Ranks among which `fully_shard` has spread a model are one process with the whole batch."""

import pytest
import torch

import reference
from reweigh import L2RW, Reweigher
from reweigh.rules import RightAndHelpful, SmoothedL2RW
from sharded_scenes import rows, scene, sharded, whole
from two_ranks import on_ranks

RULES = {"l2rw": L2RW, "smoothed": SmoothedL2RW}
CLEAN, TRAIN = 6, 8


def weighed_on(rank, size, names, engines, sizes):
    """One rank: two batches of each scene weighed by each rule, the second one with `backward`, and a step between."""
    found = {}
    for name in names:
        for engine in engines:
            for rule, make in RULES.items():
                made = scene(name)
                found[name, engine, rule] = weighed(
                    made, sharded(made), make(), lambda batch, of: rows(batch, of[len(batch["y"])], rank), engine, sizes
                )
    return found


def weighed(made, model, rule, part, engine, sizes):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    clean = [part(made.batch(CLEAN, 9), sizes)]
    by_rule = Reweigher(model, made.loss, rule=rule, clean=clean, engine=engine)
    found = [by_rule.weigh(part(made.batch(TRAIN, 1), sizes))]
    for seed in (1, 2):
        optimizer.zero_grad()
        found += [by_rule.backward(part(made.batch(TRAIN, seed), sizes)).weights, by_rule.report.alignments]
        optimizer.step()
    return found, whole(model), by_rule.report.direction_norm, by_rule.explain()


def ranks_are_one(size, names, engines, sizes, tolerance=1e-9):
    ranks = on_ranks(size, weighed_on, size, names, engines, sizes)
    for name in names:
        for engine in engines:
            for rule, make in RULES.items():
                made = scene(name)
                there, params, norm, _ = weighed(made, made.model, make(), lambda batch, of: batch, engine, sizes)
                found, found_params, found_norm, told = zip(*(of[name, engine, rule] for of in ranks), strict=True)
                for k, value in enumerate(there):
                    mine = torch.cat([of[k] for of in found]) / (1 if k and k % 2 == 0 else size)
                    assert torch.allclose(mine, value, rtol=0, atol=tolerance * float(value.abs().max())), (name, rule, k)
                for here in found_params:
                    assert here.keys() == params.keys()
                    for key, p in params.items():
                        assert torch.allclose(here[key], p, rtol=0, atol=tolerance), (name, engine, rule, key)
                assert all(abs(each - norm) <= tolerance * norm for each in found_norm)
                assert all("Forward()" in sentence or engine == "finite" for sentence in told)


def test_two_ranks_are_one():
    ranks_are_one(2, ["mlp", "tied", "twice", "recurrent"], ["auto"], {CLEAN: [3, 3], TRAIN: [5, 3]})


@pytest.mark.slow
def test_three_ranks_are_one():
    """Some have no row of a parameter."""
    ranks_are_one(3, ["mlp", "tied", "twice", "recurrent"], ["auto"], {CLEAN: [2, 2, 2], TRAIN: [4, 3, 1]})


@pytest.mark.slow
def test_two_ranks_are_one_by_differences():
    ranks_are_one(2, ["mlp", "twice"], ["finite"], {CLEAN: [3, 3], TRAIN: [5, 3]}, tolerance=1e-6)
