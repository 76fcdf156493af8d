"""Whose number is not finite, by ids of any kind."""

import math

import pytest
import torch
from torch import nn

from reweigh.culprits import clean_examples, culprits, gradient_not_finite, named
from reweigh.student import Student


@pytest.mark.parametrize(
    ("ids", "said"),
    [
        (None, "positions [0, 2] of the batch"),
        (torch.tensor([7, 8, 9]), "ids [7, 9]"),
        (["a", "b", "c"], "ids ['a', 'c']"),
        ([(1, "x"), (2, "y"), (3, "z")], "ids [(1, 'x'), (3, 'z')]"),
        ([torch.tensor([1, 2, 3]), ["x", "y", "z"]], "ids [(1, 'x'), (3, 'z')]"),
        (["a"], "positions [0, 2] of the batch"),
        (5, "positions [0, 2] of the batch"),
    ],
)
def test_names(ids, said):
    assert named([0, 2], ids, 3) == said


def test_at_most_ten():
    assert named(range(30), None, 30) == f"positions {list(range(10))} of the batch"


def root(model, batch):
    return model(batch["x"])[:, 0].abs().sqrt() + batch["more"]


def batch_of(x, more=(0.0, 0.0, 0.0)):
    return {"x": torch.tensor(x)[:, None], "more": torch.tensor(more), "id": ["a", "b", "c"]}


def test_a_loss_before_a_gradient_and_each_alone():
    """√|0| has a loss of 0 and no finite slope; in a batch, it would spoil its neighbours' gradients too."""
    model = nn.Linear(1, 1, bias=False)
    assert culprits(Student(model, root), batch_of([1.0, 0.0, 2.0])) == ([1], 3)
    assert culprits(Student(model, root), batch_of([1.0, 0.0, 2.0], (0.0, 0.0, math.inf))) == ([2], 3)
    assert culprits(Student(model, root), batch_of([1.0, 3.0, 2.0])) == ([], 3)
    assert culprits(Student(model, root), batch_of([1.0, 3.0, 2.0]), {"weight": torch.full((1, 1), math.nan)}) == (
        [0, 1, 2],
        3,
    )
    assert "(ids ['b'])" in gradient_not_finite(Student(model, root), batch_of([1.0, 0.0, 2.0]), lambda b: b["id"], 4)
    assert all(p.grad is None and bool(torch.isfinite(p).all()) for p in model.parameters())


def test_a_loss_that_raises_again_hides_no_error():
    broken = Student(nn.Linear(1, 1), lambda m, b: 1 / 0)
    assert clean_examples(broken, batch_of([1.0, 0.0, 2.0]), lambda b: None) == ""
    assert gradient_not_finite(broken, None, lambda b: None, 4).startswith("the gradient")
