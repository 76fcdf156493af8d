"""Losses and scores by hand, and against scikit-learn."""

import math

import pytest
import torch
import torch.nn.functional as F

from reweigh.errors import BadInput
from reweigh.tasks import MEASURES, Classification, MultiLabel, Regression, column_tasks, score_text, task_named


def test_classes():
    task = Classification(("a", "b", "c"))
    outputs, y = torch.tensor([[2.0, 0, 0], [0, 3, 0], [1, 0, 0], [0, 0, 1]]), torch.tensor([0, 1, 2, 2])
    assert torch.equal(task.losses(outputs, y), F.cross_entropy(outputs, y, reduction="none"))
    scores = task.scores(outputs, y)
    assert scores["test_accuracy"] == 0.75
    assert scores["test_macro_f1"] == pytest.approx((2 / 3 + 1 + 2 / 3) / 3)
    assert next(iter(scores)) == task.score


def test_labels():
    task = MultiLabel(("a", "b", "c"))
    outputs = torch.tensor([[1.0, -1, 5], [2, 1, 5], [-1, 3, 5]])
    y = torch.tensor([[1.0, 0, 0], [1, 0, 0], [0, 1, 0]])
    by_hand = torch.stack([F.binary_cross_entropy_with_logits(o, t) for o, t in zip(outputs, y, strict=True)])
    torch.testing.assert_close(task.losses(outputs, y), by_hand)
    scores = task.scores(outputs, y)  # the third label is in no example: it has no precision
    assert scores["test_mean_average_precision"] == 1.0
    assert scores["test_macro_f1"] == pytest.approx((1 + 2 / 3) / 2)
    assert math.isnan(task.scores(outputs, torch.zeros(3, 3))["test_mean_average_precision"])


def test_values():
    task = Regression(("price",), ("price",), (100.0, 20.0))
    outputs, y = torch.tensor([[0.0], [1.0], [2.0]]), torch.tensor([0.5, 1.0, 12.0])
    assert task.losses(outputs, y).tolist() == [0.125, 0.0, 9.5]
    scores = task.scores(outputs, y)
    assert scores["test_mae"] == pytest.approx(20 * (0.5 + 10) / 3)
    assert scores["test_r2"] < 1
    assert task.scores(y[:, None], y)["test_r2"] == 1.0
    assert math.isnan(task.scores(outputs[:1], y[:1])["test_r2"])


@pytest.mark.parametrize("task", ["classification", "multi-label", "regression"])
def test_outputs_of_another_shape_are_one_sentence(task):
    with pytest.raises(BadInput, match=r"the model gave \(4, 7\) for a batch of 4 but the task needs \(4, 1\)"):
        task_named(task)(("a",)).losses(torch.zeros(4, 7), torch.zeros(4))


def test_scores_in_words():
    assert score_text("test_accuracy", 0.5) == "50.00 %"
    assert score_text("test_r2", 0.5) == "0.500"
    assert score_text("test_r2", None) == score_text("test_mae", math.nan) == "–"
    assert set(MEASURES) >= {measure.name for name in column_tasks() for measure in task_named(name).measures}


def test_probabilities():
    outputs = torch.tensor([[0.0, 0.0]])
    assert Classification(("a", "b")).probabilities(outputs).tolist() == [[0.5, 0.5]]
    assert MultiLabel(("a", "b")).probabilities(outputs + 100).tolist() == [[1.0, 1.0]]
    assert Regression(("a",)).probabilities(outputs) is None
