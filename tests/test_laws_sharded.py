"""Ranks among which `fully_shard` has spread a model are one process with the whole batch."""

import pytest
import torch

import reference
from reweigh import L2RW, Reweigher, alignments, clean_direction
from reweigh.metrics import auroc
from reweigh.rules import RightAndHelpful, RightnessRule, SmoothedL2RW, Uniform
from sharded_on_two import on_two
from sharded_scenes import CLASSES, rows, scene, sharded, whole
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


JUDGES = {"verifier": RightnessRule, "right-and-helpful": RightAndHelpful}
CHECKED, SEEN = 30, 24
TAUGHT_BY = {2: {CHECKED: [15, 15], SEEN: [14, 10]}, 3: {CHECKED: [10, 10, 10], SEEN: [12, 9, 3]}}


def judging(model, loss, kind, part):
    """What 16 batches get by a rule that learns from checked examples which labels are right, and the model then.

    A third of the labels is wrong. Examples come four times.
    """
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    clean = {**labelled(CHECKED, 9), "id": 1000 + torch.arange(CHECKED)}
    rule = JUDGES[kind](first=6, every=2)
    by_rule = Reweigher(model, loss, rule=rule, clean=[part(clean)])
    found = []
    for step in range(16):
        batch = labelled(SEEN, step % 4)
        batch["y"] = torch.where(batch["id"] % 3 == 0, (batch["y"] + 1) % CLASSES, batch["y"])
        batch["id"] += SEEN * (step % 4)
        optimizer.zero_grad()
        found.append(by_rule.backward(part(batch)).weights)
        optimizer.step()
    return found, whole(model), rule.judged()


def labelled(size, seed):
    """Examples whose labels can be learnt: which of the first numbers is the largest."""
    batch = scene("mlp").batch(size, seed)
    return {**batch, "y": batch["x"][:, :CLASSES].argmax(1)}


def judging_on(rank, kind, size=2):
    made = scene("mlp")
    return judging(sharded(made), made.loss, kind, lambda batch: rows(batch, TAUGHT_BY[size][len(batch["y"])], rank))


def judges_are_one(ranks, kind):
    made = scene("mlp")
    there, params, (ids, right, suggested) = judging(made.model, made.loss, kind, lambda batch: batch)
    assert auroc(right, ids % SEEN % 3 != 0) > 0.6  # so that there is something to agree about
    found, found_params, verdicts = zip(*ranks, strict=True)
    for k, value in enumerate(there):
        assert torch.allclose(torch.cat([of[k] for of in found]) / len(ranks), value, rtol=0, atol=1e-9), k
    for here, (other_ids, other_right, other_suggested) in zip(found_params, verdicts, strict=True):
        assert all(torch.allclose(here[key], p, rtol=0, atol=1e-9) for key, p in params.items())
        assert torch.equal(other_ids, ids)
        assert torch.equal(other_suggested, suggested)
        assert torch.allclose(other_right, right, rtol=0, atol=1e-9)


@pytest.mark.parametrize("kind", JUDGES)
def test_two_ranks_judge_labels_as_one(kind):
    judges_are_one([rank[f"judging {kind}"] for rank in on_two()], kind)


@pytest.mark.slow
@pytest.mark.parametrize("kind", JUDGES)
def test_three_ranks_judge_labels_as_one(kind):
    judges_are_one(on_ranks(3, judging_on, kind, 3), kind)


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
