"""What a check costs, counted in passes: a machine at any load counts the same, so the cost cannot creep back."""

from collections import Counter

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from reweigh import L2RW, Reweigher
from reweigh.alignment import Student
from reweigh.alignment.ghost import Ghost
from reweigh.errors import EngineRefused

B, WIDTH = 3, 5


class Passes(TorchDispatchMode):
    """Within the block, each pass through the loss leaves one mark on its way forward, and one on its way back."""

    def __init__(self):
        super().__init__()
        self.seen = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func._schema.name
        self.seen["forward"] += name == "aten::_log_softmax"
        self.seen["backward"] += name == "aten::_log_softmax_backward_data"
        return func(*args, **(kwargs or {}))


class Tagger(nn.Module):
    """A layer over positions: where these are as many as the examples, or several times as many, shapes do not tell."""

    def __init__(self):
        super().__init__()
        self.inner, self.head = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, 2)

    def forward(self, x):
        return self.head(torch.tanh(self.inner(x)).mean(1))


def losses(model, batch):
    return F.cross_entropy(model(batch["x"]), batch["y"], reduction="none")


def batch_of(positions, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {"x": torch.randn(B, positions, WIDTH, generator=generator), "y": torch.arange(B) % 2}


def steps(positions, how):
    """The marks of the steps 1 to 5."""
    torch.manual_seed(0)
    reweigher = Reweigher(Tagger(), losses, rule=L2RW(), clean=[batch_of(positions, seed=1)])
    found = []
    for _ in range(5):
        with Passes() as passes:
            getattr(reweigher, how)(batch_of(positions))
        found.append((passes.seen["forward"], passes.seen["backward"]))
    assert "Ghost" in reweigher.explain()
    return found


@pytest.mark.parametrize(("positions", "proof"), [(7, 0), (B, 1), (4 * B, 1)], ids=["told", "as many", "multiples"])
def test_passes_of_a_first_and_of_a_brief_check(positions, proof):
    first, second, third, fourth, fifth = steps(positions, "backward")
    assert third == fifth == (2, 2)  # the clean batch, and the engine's own
    assert second == fourth == (3, 3)  # a brief check: one ordinary pass
    looks, truth, engine = 2, 1, 1  # two looks without a way back
    assert first == (2 + looks + truth + engine, 2 + truth + engine + proof)


@pytest.mark.parametrize(("positions", "proof"), [(7, 0), (4 * B, 1)], ids=["told", "multiples"])
def test_as_many_where_only_weights_are_asked_for(positions, proof):
    first, second, third, fourth, fifth = steps(positions, "weigh")
    assert third == fifth == (2, 2)
    assert second == fourth == (3, 3)
    assert first == (6, 4 + proof)


class Mixer(Tagger):
    """Every example gets what the others have at its place, in a way that no name tells."""

    def forward(self, x):
        hidden = torch.tanh(self.inner(x))
        return self.head((hidden + 0.5 * (hidden.transpose(0, 2) @ torch.ones(len(x), len(x))).transpose(0, 2)).mean(1))


def test_a_refusal_that_comes_as_gradients_arrive_is_the_same_sentence_and_leaves_nothing():
    torch.manual_seed(0)
    model = Mixer()
    task = Student(model, losses).on(batch_of(4 * B))
    before = {name: p.clone() for name, p in model.named_parameters()}
    with pytest.raises(EngineRefused, match="inner"):
        Ghost().alignments(task, before)
    assert task.places == {}
    assert all(torch.equal(p, before[name]) and p.grad is None for name, p in model.named_parameters())
    assert all(type(p) is nn.Parameter for p in model.parameters())


def test_what_was_proven_is_not_proven_again():
    torch.manual_seed(0)
    model = Tagger()
    task = Student(model, losses).on(batch_of(4 * B))
    direction = {name: torch.ones_like(p) for name, p in model.named_parameters()}
    marks = []
    for _ in range(2):
        with Passes() as passes:
            found = Ghost().alignments(task, direction)
        marks.append((passes.seen["forward"], passes.seen["backward"]))
    assert marks == [(1, 2), (1, 1)]
    alone = [
        torch.autograd.grad(loss, list(model.parameters()), retain_graph=True) for loss in losses(model, task.batch)
    ]
    assert torch.allclose(found, torch.stack([sum(g.sum() for g in each) for each in alone]), atol=1e-5)
