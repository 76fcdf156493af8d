"""Ranks among which `fully_shard` has spread a model are one process with the whole batch."""

import pytest
import torch

import reference
from reweigh import L2RW, Reweigher, alignments, clean_direction
from reweigh.rules import SmoothedL2RW, Uniform
from sharded_on_two import on_two
from sharded_scenes import rows, scene, sharded, whole
from two_ranks import on_ranks

RULES = {
    "l2rw": L2RW,
    "smoothed": SmoothedL2RW,
    "uniform": Uniform,
}
TOLERANCES = {"auto": 1e-9, "forward": 1e-9, "finite": 1e-6}
CLEAN, TRAIN = 6, 8
SIZES = {2: {CLEAN: [3, 3], TRAIN: [5, 3]}, 3: {CLEAN: [2, 2, 2], TRAIN: [4, 3, 1]}}
QUICK = ["mlp auto l2rw", "tied auto l2rw", "twice forward smoothed", "recurrent auto l2rw", "mlp finite l2rw"]


def weighed_on(rank, name, engine, rule, size=2):
    """On one rank; they have parts of other sizes of a training batch."""
    made = scene(name)
    return weighed(
        made, sharded(made), RULES[rule](), lambda batch: rows(batch, SIZES[size][len(batch["y"])], rank), engine
    )


def weighed(made, model, rule, part, engine):
    """What each of three batches gets, the model after two steps, ‖v‖, and what is told of the engine."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    by_rule = Reweigher(model, made.loss, rule=rule, clean=[part(made.batch(CLEAN, 9))], engine=engine)
    found = [by_rule.weigh(part(made.batch(TRAIN, 1)))]
    for seed in (1, 2):
        optimizer.zero_grad()
        found += [by_rule.backward(part(made.batch(TRAIN, seed))).weights, by_rule.report.alignments]
        optimizer.step()
    return found, whole(model), by_rule.report.direction_norm, by_rule.explain()


def ranks_are_one(ranks, name, engine, rule):
    made, tolerance = scene(name), TOLERANCES[engine]
    there, params, norm, _ = weighed(made, made.model, RULES[rule](), lambda batch: batch, engine)
    found, found_params, found_norm, told = zip(*ranks, strict=True)
    for k, value in enumerate(there):
        if value is not None:
            of_weights = k == 0 or k % 2 == 1  # which sum to the number of ranks, since gradients are averaged
            mine = torch.cat([of[k] for of in found]) / (len(ranks) if of_weights else 1)
            assert torch.allclose(mine, value, rtol=0, atol=tolerance * float(value.abs().max())), k
    for here in found_params:
        assert here.keys() == params.keys()
        for key, p in params.items():
            assert torch.allclose(here[key], p, rtol=0, atol=tolerance), key
    assert all(abs(each - norm) <= tolerance * norm for each in found_norm if norm == norm)
    assert all("Forward()" in sentence or engine == "finite" for sentence in told) or rule == "uniform"


@pytest.mark.parametrize("question", QUICK)
def test_two_ranks_are_one(question):
    ranks_are_one([rank[f"law {question}"] for rank in on_two()], *question.split())


def many_on(rank, size, questions):
    return {question: weighed_on(rank, *question.split(), size=size) for question in questions}


@pytest.mark.slow
@pytest.mark.parametrize("size", [2, 3])
def test_ranks_are_one_by_every_engine_and_rule(size):
    """With three, some have no row of a parameter."""
    questions = [
        f"{name} {engine} {rule}"
        for name in ("mlp", "tied", "twice", "recurrent")
        for engine in ("auto", "finite")
        for rule in RULES
    ]
    ranks = on_ranks(size, many_on, size, questions)
    for question in questions:
        ranks_are_one([rank[question] for rank in ranks], *question.split())


def test_what_they_are_held_against_is_the_loop_over_examples():
    """So that the ranks' agreement is with the truth."""
    for name in ("mlp", "tied", "twice", "recurrent"):
        made = scene(name)
        clean, train = made.batch(CLEAN, 9), made.batch(TRAIN, 1)
        v = clean_direction(made.model, made.loss, clean)
        truth = reference.loop_clean_direction(made.model, made.loss, clean)
        for key, g in truth.items():
            assert torch.allclose(v[key], g, rtol=0, atol=1e-12)
        found = alignments(made.model, made.loss, train, v, engine="forward")
        assert torch.allclose(found, reference.loop_alignments(made.model, made.loss, train, truth), atol=1e-12)
