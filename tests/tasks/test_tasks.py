"""Losses and scores by hand, and against scikit-learn."""

import math

import numpy as np
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


CLASSES = Classification(("a", "b", "c"), ("kind",))
LABELS = MultiLabel(("red", "old"), ("tags",))
PRICE = Regression(("price",), ("price",), (100.0, 20.0))
IDS = torch.tensor([7, 8, 9])


def test_a_class_is_suggested_with_both_probabilities():
    outputs, y = torch.tensor([[2.0, 0, 0], [0, 3, 0]]).log_softmax(1), torch.tensor([1, 1])
    found = CLASSES.judge(outputs, y)
    assert found.suggested.tolist() == [0, 1]
    p = outputs.exp()
    assert found.suggested_probability.tolist() == pytest.approx([float(p[0, 0]), float(p[1, 1])])
    assert found.given_probability.tolist() == pytest.approx([float(p[0, 1]), float(p[1, 1])])
    assert CLASSES.contradicts(y.numpy(), found.suggested.numpy()).tolist() == [True, False]


def test_several_labels_are_as_likely_as_all_of_them_by_the_geometric_mean():
    outputs, y = torch.tensor([[1.0, -2.0]]), torch.tensor([[0.0, 1.0]])
    found = LABELS.judge(outputs, y)
    assert found.suggested.tolist() == [[1.0, 0.0]]
    on = torch.sigmoid(outputs[0]).tolist()
    assert float(found.suggested_probability) == pytest.approx(math.sqrt(on[0] * (1 - on[1])), rel=1e-6)
    assert float(found.given_probability) == pytest.approx(math.sqrt((1 - on[0]) * on[1]), rel=1e-6)
    assert LABELS.contradicts(y.numpy(), found.suggested.numpy()).tolist() == [True]
    assert LABELS.contradicts(y.numpy(), y.numpy()).tolist() == [False]


def test_a_number_is_suggested_in_units_and_nobody_says_how_likely():
    outputs, y = torch.tensor([[0.5], [-1.0]]), torch.tensor([0.0, 0.0])
    found = PRICE.judge(outputs, y)
    assert PRICE.in_units(found.suggested).tolist() == [110.0, 80.0]
    assert bool(found.given_probability.isnan().all() and found.suggested_probability.isnan().all())
    assert PRICE.predict(outputs).tolist() == [110.0, 80.0]
    assert PRICE.predict(outputs).dtype == torch.float64


def test_a_number_contradicts_where_it_is_far_beyond_the_usual_distance():
    given = np.zeros(9)
    suggested = np.array([1.0, -1, 1, -1, 1, -1, 1, 4.4, 4.5])
    assert PRICE.contradicts(given, suggested).tolist() == [False] * 8 + [True]  # 3 * 1.4826 = 4.45
    assert not PRICE.contradicts(given, given).any()


@pytest.mark.parametrize(
    ("task", "y", "said"),
    [
        (CLASSES, torch.tensor([0, 3, 1]), "the label 3 of the example with id 8 is outside 0..2"),
        (CLASSES, torch.tensor([0, -1, 1]), "the label -1 of the example with id 8 is outside 0..2"),
        (CLASSES, torch.tensor([0.0, 1.0, 2.0]), "must be one int64 number an example"),
        (CLASSES, torch.tensor([[0], [1], [2]]), "has shape (3, 1)"),
        (LABELS, torch.tensor([[0.0, 1], [0.5, 0], [1, 1]]), "of the example with id 8 must hold zeros and ones only"),
        (LABELS, torch.zeros(3, 3), "the labels have shape (3, 3)"),
        (LABELS, torch.zeros(3, 2).double(), "type float64"),
        (PRICE, torch.tensor([0.0, math.nan, 1.0]), "of the example with id 8 must be a finite number"),
        (PRICE, torch.tensor([0.0, 1.0, math.inf]), "of the example with id 9 must be a finite number"),
        (PRICE, torch.zeros(3, 1, 1), "have shape (3, 1, 1)"),
    ],
)
def test_targets_that_are_none_are_named_by_their_example(task, y, said):
    with pytest.raises(BadInput) as told:
        task.check(y, IDS)
    assert said in str(told.value)
    assert "\n" not in str(told.value)


def test_targets_that_are_in_order_pass():
    CLASSES.check(torch.tensor([0, 2, 1]), IDS)
    LABELS.check(torch.tensor([[0.0, 1], [0, 0], [1, 1]]), IDS)
    PRICE.check(torch.tensor([0.0, -3.5, 1.0]), IDS)


def test_a_class_that_is_trained_on_and_not_checked_is_refused_and_the_other_way_round_said():
    where = ("in a.csv", "in b.csv")
    with pytest.raises(BadInput, match=r"in b\.csv has no example of the class 'b', which in a\.csv has 2 times"):
        CLASSES.check_parts(torch.tensor([0, 1, 1]), torch.tensor([0, 2]), where)
    assert CLASSES.check_parts(torch.tensor([0, 1]), torch.tensor([0, 1, 2]), where) == [
        "no training example has the class 'c', only clean ones do"
    ]
    assert CLASSES.check_parts(torch.tensor([0, 1, 2]), torch.tensor([2, 0, 1]), where) == []
    (said,) = LABELS.check_parts(torch.ones(2, 2), torch.tensor([[0.0, 1.0]]), where)
    assert said == "no clean example has the label 'red', so nothing checked says where it is right"


def test_what_was_predicted_in_columns():
    p = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]])
    found = CLASSES.columns(torch.tensor([0, 2]), p)
    assert list(found["prediction"]) == ["a", "c"]
    assert found["probability"].tolist() == pytest.approx([0.7, 0.8])
    assert list(LABELS.columns(torch.tensor([[1, 1], [0, 0], [0, 1]]), None)["prediction"]) == ["red;old", "", "old"]
    assert CLASSES.told(2) == "c"
    assert LABELS.told(torch.tensor([1, 1])) == "red; old"
    assert LABELS.caption(torch.tensor([0, 0])) == "nothing"
    assert (PRICE.told(1234567.0), PRICE.caption(torch.tensor(-0.5))) == ("1.23457e+06", "-0.50 σ")


def test_a_prediction_is_what_is_scored():
    """By another way: R² as a share of the variance, accuracy as what is predicted."""
    draw = torch.Generator().manual_seed(0)
    outputs, y = torch.randn(50, 3, generator=draw), torch.randint(3, (50,), generator=draw)
    assert CLASSES.scores(outputs, y)["test_accuracy"] == float((CLASSES.predict(outputs) == y).double().mean())
    value, target = torch.randn(50, 1, generator=draw), torch.randn(50, generator=draw)
    gap, spread = (target - value[:, 0]).square().sum(), (target - target.mean()).square().sum()
    assert PRICE.scores(value, target)["test_r2"] == pytest.approx(float(1 - gap / spread), rel=1e-5)
    miss = (PRICE.predict(value) - PRICE.in_units(target)).abs().mean()
    assert PRICE.scores(value, target)["test_mae"] == pytest.approx(float(miss), rel=1e-6)
