"""The three numbers against definitions written out and against scikit-learn."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score, roc_auc_score

from reweigh.errors import BadInput
from reweigh.metrics import auroc, effective_sample_size, macro_f1, mass_per_class


def test_auroc_of_a_perfect_a_reversed_and_a_flat_score():
    positive = torch.tensor([True, True, False, False])
    assert auroc(torch.tensor([4.0, 3.0, 2.0, 1.0]), positive) == 1.0
    assert auroc(torch.tensor([1.0, 2.0, 3.0, 4.0]), positive) == 0.0
    assert auroc(torch.zeros(4), positive) == 0.5


@given(st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=2, max_size=60))
def test_auroc_agrees_with_scikit_learn_with_many_ties(pairs):
    scores = torch.tensor([float(score) for score, _ in pairs])
    positive = torch.tensor([flag for _, flag in pairs])
    if positive.all() or not positive.any():
        assert math.isnan(auroc(scores, positive))
    else:
        assert auroc(scores, positive) == pytest.approx(roc_auc_score(positive, scores), abs=1e-12)


def test_auroc_of_weights_far_apart_in_scale_keeps_their_order():
    scores = torch.tensor([0.0, 1e-30, 1e-12, 1e30], dtype=torch.float64)
    assert auroc(scores, torch.tensor([0, 1, 1, 1])) == 1.0


def test_auroc_accepts_an_infinite_score_and_refuses_nan():
    positive = torch.tensor([True, False, True])
    assert auroc(torch.tensor([math.inf, 0.0, 1.0]), positive) == 1.0
    with pytest.raises(BadInput, match=r"scores\[1\] is NaN"):
        auroc(torch.tensor([1.0, math.nan, 1.0]), positive)


def test_auroc_refuses_shapes_that_differ():
    with pytest.raises(BadInput, match=r"\(3,\).*\(2,\)"):
        auroc(torch.zeros(3), torch.zeros(2))
    with pytest.raises(BadInput, match=r"\(3, 1\)"):
        auroc(torch.zeros(3, 1), torch.zeros(3, 1))


@pytest.mark.parametrize(
    ("weights", "expected"),
    [([1.0] * 7, 7.0), ([0.0, 5.0, 0.0], 1.0), ([0.0] * 4, 0.0), ([], 0.0), ([3.0, 1.0], 16 / 10)],
)
def test_effective_sample_size_by_hand(weights, expected):
    assert effective_sample_size(torch.tensor(weights)) == pytest.approx(expected, rel=1e-12)


@given(st.floats(1e-30, 1e30))
def test_effective_sample_size_does_not_depend_on_the_scale(scale):
    weights = torch.tensor([0.1, 0.7, 0.2, 0.0], dtype=torch.float64)
    assert effective_sample_size(weights * scale) == pytest.approx(effective_sample_size(weights), rel=1e-9)


def test_mass_per_class_sums_and_keeps_empty_classes():
    mass = mass_per_class(torch.tensor([0.5, 0.25, 0.25]), torch.tensor([2, 0, 2]), classes=4)
    torch.testing.assert_close(mass, torch.tensor([0.25, 0.0, 0.75, 0.0]))


def test_mass_per_class_refuses_a_label_out_of_range():
    with pytest.raises(BadInput, match="only 0 to 2"):
        mass_per_class(torch.ones(2), torch.tensor([0, 3]), classes=3)
    with pytest.raises(BadInput, match="from -1"):
        mass_per_class(torch.ones(2), torch.tensor([-1, 0]), classes=3)


def test_detaches_from_the_graph():
    weights = torch.ones(3, requires_grad=True)
    assert not mass_per_class(weights, torch.tensor([0, 1, 1]), 2).requires_grad
    assert effective_sample_size(weights) == pytest.approx(3.0)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=40), st.integers(5, 7))
def test_macro_f1_is_scikit_learn_s(pairs, classes):
    predicted, labels = (torch.tensor(column) for column in zip(*pairs, strict=True))
    theirs = f1_score(labels.numpy(), predicted.numpy(), average="macro", zero_division=0)
    assert macro_f1(predicted, labels, classes) == pytest.approx(theirs, abs=1e-12)


def test_a_class_that_nobody_has_and_nobody_foretells_does_not_count():
    labels = torch.tensor([0, 0, 1, 1])
    assert macro_f1(labels, labels, 9) == 1.0
    assert macro_f1(torch.tensor([0, 0, 1, 8]), labels, 9) == pytest.approx((1 + 2 / 3 + 0) / 3)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30), st.permutations(range(4)))
def test_macro_f1_knows_neither_the_order_of_examples_nor_the_names_of_classes(pairs, names):
    predicted, labels = (torch.tensor(column) for column in zip(*pairs, strict=True))
    called, plain = torch.tensor(names), macro_f1(predicted, labels, 4)
    assert macro_f1(called[predicted], called[labels], 4) == pytest.approx(plain, abs=1e-12)
    assert macro_f1(predicted.flip(0), labels.flip(0), 4) == pytest.approx(plain, abs=1e-12)
    assert macro_f1(labels, predicted, 4) == pytest.approx(plain, abs=1e-12)  # hits, and what both said of each class


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 8)), min_size=1, max_size=30))
def test_all_mass_is_somewhere(rows):
    labels, weights = (torch.tensor(column) for column in zip(*rows, strict=True))
    mass = mass_per_class(weights.double() / 8, labels, 4)
    assert float(mass.sum()) == pytest.approx(float(weights.sum()) / 8)
    assert mass.tolist() == [pytest.approx(sum(w for label, w in rows if label == c) / 8) for c in range(4)]


@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
def test_weights_of_any_size_are_worth_as_many_examples(scale):
    weights = torch.tensor([3.0, 1.0, 0.0, 2.0], dtype=torch.float64)
    assert effective_sample_size(scale * weights) == pytest.approx(36 / 14)
    assert effective_sample_size(torch.zeros(4)) == 0.0
