"""`verify` beside another learner, on digits that ship with scikit-learn: what it finds, what it refuses, and its laws."""

import warnings

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from reweigh import verify
from reweigh.errors import BadInput

K = 10


def learner():
    return LogisticRegression(max_iter=500)


@pytest.fixture(scope="module")
def digits():
    """1,200 digits whose labels one can make wrong, ten of each class checked; and 597 to test."""
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    x, y = x[order] / 16, y[order]
    checked = np.concatenate([np.flatnonzero(y[:1200] == c)[:10] for c in range(K)])
    return x[:1200], y[:1200], x[1200:], y[1200:], checked


def spoilt(y, checked, kind):
    rng = np.random.default_rng(1)
    moved = rng.random(len(y)) < 0.4
    other = {"uniform": rng.integers(0, K, len(y)), "pair": (y + 1) % K, "one class": np.full_like(y, 3), "none": y}[
        kind
    ]
    given = np.where(moved, other, y)
    given[checked] = y[checked]
    return given


def out_of_fold(x, y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return cross_val_predict(
            learner(), x, y, cv=StratifiedKFold(3, shuffle=True, random_state=0), method="predict_proba"
        )


@pytest.fixture(scope="module")
def judged(digits):
    x, y, _, _, checked = digits
    found = {}
    for kind in ("uniform", "pair", "one class", "none"):
        given = spoilt(y, checked, kind)
        found[kind] = given, verify(out_of_fold(x, given), given, checked, features=x)
    return found


@pytest.mark.parametrize(("kind", "area"), [("uniform", 0.97), ("pair", 0.97), ("one class", 0.96)])
def test_right_labels_stand_above_wrong_ones_and_their_share_is_told(digits, judged, kind, area):
    _, y, _, _, _ = digits
    given, found = judged[kind]
    open_ = ~found.checked
    right = (given == y)[open_]
    assert roc_auc_score(right, found.right[open_]) > area
    assert abs(found.share - right.mean()) < 0.065
    low, high = found.interval
    assert low <= right.mean() <= high
    assert low <= found.share <= high
    assert (found.right[found.checked] == 1).all()


def test_labels_that_are_right_are_said_to_be(judged):
    _, found = judged["none"]
    assert found.share > 0.98
    assert found.sentence().startswith(("0 %", "1 %", "2 %"))


def test_the_kind_of_wrongness_is_told(judged):
    assert judged["uniform"][1].kinds["at_random"] > 5 * judged["uniform"][1].kinds["tempting"]
    assert judged["pair"][1].kinds["tempting"] > 5 * judged["pair"][1].kinds["at_random"]
    assert "mostly tempting" in judged["pair"][1].sentence()


def test_wrong_pairs_are_counted(digits, judged):
    _, y, _, _, _ = digits
    given, found = judged["pair"]
    assert found.pairs.sum() == pytest.approx((1 - found.right).sum())
    next_class = sum(found.pairs[(c + 1) % K, c] for c in range(K))
    assert next_class > 0.75 * (given != y).sum()


@pytest.mark.parametrize(("kind", "gained"), [("pair", 15), ("one class", 5), ("uniform", -1), ("none", -1)])
def test_weights_and_what_is_kept_make_the_learner_better(digits, judged, kind, gained):
    x, _, test_x, test_y, _ = digits
    given, found = judged[kind]

    def score(rows, weights=None):
        fitted = learner().fit(x[rows], given[rows], sample_weight=weights)
        return 100 * f1_score(test_y, fitted.predict(test_x), average="macro")

    plain = score(np.ones(len(x), dtype=bool))
    assert score(np.ones(len(x), dtype=bool), found.weights()) > plain + gained
    assert score(found.keep()) > plain + gained
    assert found.weights().mean() == pytest.approx(1)


def test_too_few_checked_examples_give_no_number_but_say_so(digits, judged):
    x, y, _, _, checked = digits
    given, _ = judged["pair"]
    few = np.concatenate([checked[y[checked] == c][:2] for c in range(K)])
    found = verify(out_of_fold(x, given), given, few, features=x)
    assert found.share is None
    assert found.interval is None
    assert found.kinds == {}
    assert "20 checked examples cannot tell right labels from wrong ones here (tempting: AUROC" in found.sentence()
    assert "more would" in found.sentence() or "features" in found.sentence()
    with pytest.raises(BadInput, match="say which share to keep"):
        found.keep()
    assert found.keep(0.5).sum() == 20 + 590


@pytest.mark.parametrize("kind", ["pair", "one class"])
def test_a_pattern_that_the_learner_has_learnt_is_not_counted_without_features(digits, judged, kind):
    """The learner believes the wrong labels: what it says would make 0 % of 36."""
    x, _, _, _, checked = digits
    given, _ = judged[kind]
    found = verify(out_of_fold(x, given), given, checked)
    assert found.share is None


def test_examples_in_another_order_are_judged_the_same(digits, judged):
    x, _, _, _, checked = digits
    given, found = judged["pair"]
    probabilities = out_of_fold(x, given)
    order = np.concatenate([np.sort(checked), np.setdiff1d(np.arange(1200), checked)[::-1]])
    again = verify(probabilities[order], given[order], np.arange(100), features=x[order])
    assert np.allclose(again.right, found.right[order], atol=1e-9)


def test_names_of_classes_and_masks_and_tensors_will_do(digits, judged):
    x, _, _, _, checked = digits
    given, found = judged["pair"]
    names = np.array([f"digit {c}" for c in range(K)])
    mask = np.zeros(1200, dtype=bool)
    mask[checked] = True
    probabilities = torch.from_numpy(out_of_fold(x, given))
    named = verify(probabilities, names[given], mask, features=torch.from_numpy(x), classes=names)
    assert np.allclose(named.right, found.right)
    assert (named.suggested == names[found.suggested]).all()


def test_one_checked_example_of_a_class_or_none_is_no_end(digits, judged):
    x, y, _, _, checked = digits
    given, _ = judged["pair"]
    few = np.concatenate([checked[y[checked] < 8], checked[y[checked] == 8][:1]])
    found = verify(out_of_fold(x, given), given, few, features=x)
    assert np.isfinite(found.right).all()


def test_all_checked_is_said():
    y = np.arange(20) % 2
    found = verify(np.full((20, 2), 0.5), y, np.arange(20))
    assert found.sentence() == "all labels are checked"
    assert (found.right == 1).all()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"probabilities": np.full((20, 2), 0.7)}, "of 20 examples do not sum to one .* predict_proba"),
        ({"probabilities": np.full((20,), 0.5)}, "have shape"),
        ({"probabilities": np.full((20, 2), np.nan)}, "not finite at position 0"),
        ({"probabilities": [["a", "b"]] * 20}, "are no numbers"),
        ({"labels": np.arange(20)}, "the label 2 at position 2 is none of the 2 classes"),
        ({"labels": np.arange(3)}, "one label a row"),
        ({"checked": [0, 1, 2]}, "3 examples are checked"),
        ({"checked": [0, 1, 2, 25]}, "names position 25 of 20"),
        ({"checked": np.ones(5, dtype=bool)}, "the mask of checked examples has shape"),
        ({"checked": [0.5, 1.0, 2.0, 3.0]}, "neither a mask nor positions"),
        ({"features": np.ones((4, 3))}, "one row an example"),
        ({"classes": ["a"]}, "one name a column"),
        ({"kinds": ["unknown"]}, "no kind of wrong labels"),
        ({"kinds": []}, "at least one kind"),
    ],
)
def test_what_does_not_fit_gets_one_sentence(change, told):
    usual = {"probabilities": np.full((20, 2), 0.5), "labels": np.arange(20) % 2, "checked": np.arange(8)}
    with pytest.raises(BadInput, match=told):
        verify(**{**usual, **change})
