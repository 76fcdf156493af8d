"""`verify_labels` and `verify_numbers` beside other learners, on made sets that ship with scikit-learn."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_diabetes, make_regression
from sklearn.linear_model import HuberRegressor, LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict

from reweigh.errors import BadInput
from reweigh.rightness import verify_labels, verify_numbers
from several_labels import several_labels

CHECKED, SHARE = 100, 0.2


def spoilt_numbers(x, y, share, seed=0):
    """Targets exchanged, which are wrong, which checked, and what a robust line foretells out of fold."""
    g = np.random.default_rng(seed)
    wrong = g.random(len(y)) < share
    checked = g.choice(len(y), CHECKED, replace=False)
    wrong[checked] = False
    given = np.where(wrong, g.permutation(y), y)
    return given, wrong, checked, cross_val_predict(HuberRegressor(max_iter=1000), x, given, cv=3)


@pytest.fixture(scope="module")
def numbers():
    x, y = make_regression(1000, 10, noise=30, random_state=0)
    given, wrong, checked, foretold = spoilt_numbers(x, y, SHARE)
    return x, given, wrong, foretold, verify_numbers(foretold, given, checked, features=x), checked


@pytest.fixture(scope="module")
def labels():
    x, y = several_labels(1200, 20, 5, seed=1)
    g = np.random.default_rng(1)
    wrong, checked = g.random(y.shape) < SHARE, g.choice(len(y), CHECKED, replace=False)
    wrong[checked] = False
    given, z = np.where(wrong, 1 - y, y), (x - x.mean(0)) / x.std(0)
    learner = LogisticRegression(C=0.3, max_iter=300)
    p = [cross_val_predict(learner, z, label, cv=3, method="predict_proba")[:, 1] for label in given.T]
    p = np.stack(p, 1)
    return x, given, wrong, p, verify_labels(p, given, checked, features=x, names=list("abcde")), checked


def test_numbers_far_from_what_is_foretold_are_wrong_and_their_share_is_told(numbers):
    _, given, wrong, foretold, found, checked = numbers
    open_ = ~found.checked
    assert found.checked.sum() == CHECKED
    assert (found.right[checked] == 1).all()
    assert roc_auc_score(~wrong[open_], found.right[open_]) > 0.88
    assert found.share == pytest.approx(1 - wrong[open_].mean(), abs=0.03)
    low, high = found.interval
    assert low <= 1 - wrong[open_].mean() <= high
    assert np.array_equal(found.suggested, foretold)
    best = found.likeliest(given)
    assert np.array_equal(best.labels[best.changed], foretold[best.changed])
    assert np.array_equal(best.changed, found.right < 0.5)
    assert found.sentence().endswith("%)")
    assert "of the targets look wrong" in found.sentence()


def test_units_of_a_number_do_not_matter(numbers):
    x, given, _, foretold, found, checked = numbers
    again = verify_numbers(1000 * foretold + 7, 1000 * given + 7, checked, features=x)
    assert np.allclose(again.right, found.right, atol=1e-6)


def test_of_right_numbers_hardly_any_looks_wrong():
    x, y = make_regression(600, 10, noise=30, random_state=0)
    given, _, checked, foretold = spoilt_numbers(x, y, 0.0)
    assert verify_numbers(foretold, given, checked, features=x).share > 0.98


def test_where_numbers_cannot_be_foretold_there_is_no_number():
    """Diabetes: R² of .45 is not enough to see an exchanged target."""
    x, y = load_diabetes(return_X_y=True)
    given, _, checked, foretold = spoilt_numbers(x, y, SHARE)
    found = verify_numbers(foretold, given, checked, features=x)
    assert found.share is None
    assert "100 checked examples cannot tell right labels from wrong ones here (exchanged" in found.sentence()


def test_the_number_of_a_neighbour_is_harder_to_tell(numbers):
    x, given, _, foretold, _, checked = numbers
    found = verify_numbers(foretold, given, checked, features=x, kinds=("exchanged", "of_a_neighbour"))
    assert found.evidence.hardest == "of_a_neighbour"
    assert found.evidence.by_kind["exchanged"] > found.evidence.auroc
    assert found.kinds["exchanged"] > found.kinds["of_a_neighbour"]


def test_each_label_is_judged_and_an_example_is_right_in_all_of_them(labels):
    _, given, wrong, _, found, checked = labels
    open_ = ~found.checked
    assert found.each.shape == given.shape
    assert np.allclose(found.right, found.each.prod(1))
    assert (found.each[checked] == 1).all()
    assert roc_auc_score(~wrong[open_].ravel(), found.each[open_].ravel()) > 0.88
    assert (1 - found.each[open_]).mean() == pytest.approx(wrong[open_].mean(), abs=0.03)
    assert found.share == pytest.approx(1 - wrong[open_].any(1).mean(), abs=0.06)
    assert np.allclose(found.class_share, found.each[open_].mean(0))
    low, high = found.class_interval
    assert (low <= found.class_share + 0.02).all()
    assert (high >= found.class_share - 0.02).all()


def test_missing_labels_and_those_too_many_are_counted(labels):
    _, given, wrong, _, found, _ = labels
    doubt = 1 - found.each
    assert found.pairs[:, 1] == pytest.approx((doubt * (given == 0)).sum(0))
    assert found.pairs[:, 0] == pytest.approx((doubt * (given == 1)).sum(0))
    assert found.pair_kinds.sum(0) == pytest.approx(found.pairs)
    assert set(found.kinds) == {"missing", "too_many"}
    changed = found.suggested != given
    assert np.array_equal(changed, found.each < 0.5)
    assert wrong[changed].mean() > 0.6
    assert {"missing", "too_many"} <= set(found.kind)


def test_without_features_labels_are_judged_as_well(labels):
    _, given, wrong, p, _, checked = labels
    found = verify_labels(p, torch.from_numpy(given), checked)
    open_ = ~found.checked
    assert roc_auc_score(~wrong[open_].ravel(), found.each[open_].ravel()) > 0.85
    assert found.classes.tolist() == list("01234")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"probabilities": np.full((20,), 0.5)}, "one column a label in all"),
        ({"probabilities": np.full((20, 2), 1.5)}, "between 0 and 1"),
        ({"labels": np.full((20, 2), 2)}, "labels are 0 or 1"),
        ({"labels": np.zeros((20, 3))}, "one column a label in all"),
        ({"checked": [1, 2]}, "2 examples are checked"),
        ({"kinds": ["tempting"]}, "no kind of wrong labels 'tempting': choose from flipped"),
    ],
)
def test_labels_that_do_not_fit_get_one_sentence(change, told):
    usual = {"probabilities": np.full((20, 2), 0.5), "labels": np.zeros((20, 2)), "checked": np.arange(8)}
    with pytest.raises(BadInput, match=told):
        verify_labels(**{**usual, **change})


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"predictions": np.zeros((20, 1))}, "one number an example of either"),
        ({"targets": np.ones(20)}, "the checked targets do not vary"),
        ({"targets": np.full(20, np.inf)}, "targets are not finite at position 0"),
        ({"features": np.ones((3, 2))}, "one row an example"),
        ({"kinds": ["flipped"]}, "choose from exchanged, of_a_neighbour"),
    ],
)
def test_numbers_that_do_not_fit_get_one_sentence(change, told):
    usual = {"predictions": np.zeros(20), "targets": np.arange(20.0), "checked": np.arange(8)}
    with pytest.raises(BadInput, match=told):
        verify_numbers(**{**usual, **change})
