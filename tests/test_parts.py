"""Several batches that make one step: weights, gradients and what is remembered are those of one batch with all of them."""

import copy
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from reweigh import L2RW, MetaWeightNet, Reweigher
from reweigh.batches import Parts, found_in
from reweigh.contrast import OtherInput
from reweigh.errors import BadInput, NonFinite
from reweigh.models import Translator
from reweigh.rules import HardMining, RandomRectified, Rule, SmoothedL2RW, Uniform
from reweigh.tasks import Translation

SIZES = (5, 1, 8, 3)


class Net(nn.Module):
    def __init__(self, dropout=0.0):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Dropout(dropout), nn.Linear(16, 3))

    def forward(self, x):
        return self.body(x)


def batch_of(seed, size, first=0):
    draw = torch.Generator().manual_seed(seed)
    x = torch.randn(size, 4, generator=draw, dtype=torch.float64)
    return {"x": x, "y": torch.randint(3, (size,), generator=draw), "id": torch.arange(first, first + size)}


def cut(batch, sizes=SIZES):
    parts = zip(*(value.split(sizes) for value in batch.values()), strict=True)
    return Parts([dict(zip(batch, part, strict=True)) for part in parts])


def losses(model, batch):
    return F.cross_entropy(model(batch["x"]), batch["y"], reduction="none")


def student(rule, engine="auto", dropout=0.0, **more):
    torch.manual_seed(1)
    model = Net(dropout).double()
    return model, Reweigher(model, losses, rule=rule, clean=batch_of(9, 6), engine=engine, seed=3, **more)


def trained(rule, engine, whole, **more):
    """Weights and losses of three steps, and the model they lead to."""
    model, reweigher = student(rule, engine, **more)
    sgd, found = torch.optim.SGD(model.parameters(), 0.5, momentum=0.9), []
    for seed in range(3):
        sgd.zero_grad()
        batch = batch_of(seed, sum(SIZES), 4 * seed)
        found.append(reweigher.backward(batch if whole else cut(batch)))
        assert reweigher.report.step == seed + 1
        sgd.step()
        reweigher.after_step()
    return found, list(model.parameters())


RULES = [L2RW, SmoothedL2RW, Uniform, HardMining, RandomRectified]


@pytest.mark.parametrize("make", RULES)
@pytest.mark.parametrize("engine", ["auto", "ghost", "forward", "double", "finite"])
def test_parts_are_weighed_as_one_batch(make, engine):
    rule = make()
    one, other = (trained(copy.deepcopy(rule), engine, whole) for whole in (True, False))
    allowed = 1e-4 if engine == "finite" else 1e-9
    for (losses_a, weights_a), (losses_b, weights_b) in zip(one[0], other[0], strict=True):
        torch.testing.assert_close(weights_b, weights_a, rtol=allowed, atol=allowed)
        torch.testing.assert_close(losses_b, losses_a, rtol=allowed, atol=allowed)
    torch.testing.assert_close(other[1], one[1], rtol=allowed, atol=allowed)
    assert one[0][0].weights.sum() > 0


def test_one_part_is_a_batch_and_no_part_is_none():
    batch = batch_of(0, 7)
    one, other = (student(L2RW())[1].backward(given) for given in (batch, Parts([batch])))
    torch.testing.assert_close(one, other)
    with pytest.raises(BadInput, match="no batch is given"):
        Parts([])


def test_sentences_of_any_length_are_weighed_as_one_batch():
    task, draw = Translation(tuple("_^$abcdef")), torch.Generator().manual_seed(0)

    def pair(number):
        sides = (torch.randint(3, (int(torch.randint(2, 9, (), generator=draw)),), generator=draw) for _ in range(2))
        x, y = (torch.cat([side + 3, torch.tensor([2])]) for side in sides)
        return {"x": x, "y": y, "id": torch.tensor(number)}

    rows = [pair(number) for number in range(20)]
    clean = task.collate([pair(100 + number) for number in range(6)])
    found = []
    for given in (task.collate(rows), Parts([task.collate(part) for part in (rows[:3], rows[3:4], rows[4:])])):
        torch.manual_seed(2)
        model = Translator(classes=9, width=16, dropout=0.0).double()
        options = {"clean": [clean], "layers": "body", "contrast": OtherInput("x")}
        reweigher = Reweigher(model, task.smoothed(0.1).loss, rule=SmoothedL2RW(), **options)
        found.append((reweigher.backward(given).weights, [p.grad for p in model.parameters()]))
    torch.testing.assert_close(*found, rtol=1e-8, atol=1e-9)


class Sees(Rule):
    """By losses, which it keeps."""

    needs = frozenset({"losses", "alignments"})
    name = "sees"

    def weigh(self, evidence):
        self.losses, self.labels, self.names = evidence.losses, evidence.labels, evidence.names
        return torch.full_like(evidence.losses, 1 / evidence.size)


def test_a_part_draws_the_same_masks_in_both_passes_and_others_than_the_next():
    rule = Sees()
    _, reweigher = student(rule, "ghost", dropout=0.5)
    batch = batch_of(0, 4)
    torch.manual_seed(7)
    first = reweigher.backward(Parts([batch, batch]))
    torch.testing.assert_close(first.losses, rule.losses)
    assert not torch.equal(first.losses[:4], first.losses[4:])
    state = torch.get_rng_state()
    second = reweigher.backward(Parts([batch, batch]))
    assert not torch.equal(first.losses, second.losses)
    torch.manual_seed(7)
    again = reweigher.backward(Parts([batch, batch]))
    assert torch.equal(again.losses, first.losses)
    assert torch.equal(torch.get_rng_state(), state)


def test_labels_and_ids_are_those_of_all_parts():
    rule, batch = Sees(), batch_of(0, sum(SIZES), 40)
    student(rule)[1].backward(cut(batch))
    assert torch.equal(rule.labels, batch["y"])
    assert rule.names == batch["id"].tolist()
    assert found_in(cut(batch), lambda part: part.get("nothing")) is None
    assert found_in(batch, lambda part: part["y"]) is batch["y"]


def test_a_step_with_a_bad_number_has_not_been():
    model, reweigher = student(L2RW())
    reweigher.backward(cut(batch_of(0, sum(SIZES))))
    before = [p.grad.clone() for p in model.parameters()]
    bad = batch_of(1, sum(SIZES), 50)
    bad["x"][-1] = float("nan")
    state = torch.get_rng_state()
    with pytest.raises(NonFinite, match="66"):
        reweigher.backward(cut(bad))
    assert all(torch.equal(p.grad, old) for p, old in zip(model.parameters(), before, strict=True))
    assert reweigher.report.step == 1
    assert torch.equal(torch.get_rng_state(), state)


class Looks(Sees):
    def weigh(self, evidence):
        return evidence.batch["x"].sum(1)


def test_what_cannot_be_weighed_so_is_a_sentence():
    parts = cut(batch_of(0, sum(SIZES)))
    with pytest.raises(BadInput, match="cannot be looked into as one"):
        student(Looks())[1].backward(parts)
    with pytest.raises(BadInput, match="cannot be looked into as one"):
        student(L2RW())[1].weigh(parts)
    normed = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 3)).double()
    reweigher = Reweigher(normed, losses, rule=Uniform(), clean=batch_of(9, 6))
    with pytest.raises(BadInput, match="batch normalisation looks at each of several batches by itself"):
        reweigher.backward(parts)
    normed.eval()
    assert reweigher.backward(parts).weights.sum() == pytest.approx(1)
    model = Net().double()
    sgd = torch.optim.SGD(model.parameters(), 0.1)
    learns = Reweigher(model, losses, rule=MetaWeightNet(), clean=batch_of(9, 6), optimizer=sgd)
    with pytest.raises(BadInput, match="a rule that learns does so from one pass a step"):
        learns.backward(parts)
    task = replace(Translation(tuple("_^$abc")), beam=1)
    rows = [{"x": torch.tensor([3, 2]), "y": torch.tensor([4, 2]), "id": torch.tensor(0)}]
    tokens = Reweigher(
        Translator(classes=6, width=8), task.token_loss, rule=L2RW(), clean=[task.collate(rows)], per="token"
    )
    with pytest.raises(BadInput, match="have one weight an example"):
        tokens.backward(Parts([task.collate(rows)]))
