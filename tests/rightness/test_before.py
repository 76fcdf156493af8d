"""What checked examples were called before they were checked: what it says of the others, and when it says nothing."""

import warnings

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from reweigh import verify
from reweigh.errors import BadInput
from reweigh.metrics import auroc
from reweigh.rightness import verify_labels
from reweigh.rightness.before import Before, Relabelled
from reweigh.rightness.picked import class_shares, stands_for
from several_labels import several_labels

K, COUNT = 10, 1200
FOLDS = StratifiedKFold(3, shuffle=True, random_state=0)


def out_of_fold(x, y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return cross_val_predict(LogisticRegression(max_iter=300), x, y, cv=FOLDS, method="predict_proba")


@pytest.fixture(scope="module")
def doubtful():
    """Blurred digits: each of the fifth that a model is least sure of is called what it finds likeliest beside the truth."""
    x, truth = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))[:COUNT]
    x, truth = x[order] / 16 + 0.35 * np.random.default_rng(1).standard_normal((COUNT, 64)), truth[order]
    said = out_of_fold(x, truth)
    right = said[np.arange(COUNT), truth].copy()
    said[np.arange(COUNT), truth] = -1
    margin = right - said.max(1)
    given = np.where(margin <= np.quantile(margin, 0.2), said.argmax(1), truth)
    return x, truth, given, out_of_fold(x, given)


def picked(by, each=10, seed=3):
    g = np.random.default_rng(seed)
    return np.sort(np.concatenate([g.choice(np.flatnonzero(by == c), each, replace=False) for c in np.unique(by)]))


def judged(doubtful, checked, told=True):
    x, truth, given, p = doubtful
    labels = given.copy()
    labels[checked] = truth[checked]
    return verify(p, labels, checked, features=x, before=given if told else None)


@pytest.mark.parametrize("way", ["at random", "by their class", "by their right class"])
def test_mistakes_that_look_like_the_truth_are_counted_where_some_were_checked(doubtful, way):
    _, truth, given, _ = doubtful
    g = np.random.default_rng(2)
    ways = {"at random": np.sort(g.choice(COUNT, 100, replace=False)), "by their class": picked(given)}
    checked = ways.get(way, picked(truth))
    without, found = judged(doubtful, checked, told=False), judged(doubtful, checked)
    open_ = ~found.checked
    wrong = (given != truth)[open_]
    assert without.interval[0] > 1 - wrong.mean()  # all of the interval is too small a share of wrong ones
    low, high = found.interval
    assert low <= 1 - wrong.mean() <= high
    assert high - low < 0.35
    assert abs(1 - found.share - wrong.mean()) < abs(1 - without.share - wrong.mean()) / 2
    brier = [np.square(1 - one.right[open_] - wrong).mean() for one in (without, found)]
    assert brier[1] < brier[0]
    areas = [float(auroc(torch.from_numpy(-one.right[open_]), torch.from_numpy(wrong))) for one in (without, found)]
    assert areas[1] == pytest.approx(areas[0], abs=1e-6)  # who is doubted more than whom stays as it was
    assert found.pairs.sum() == pytest.approx((1 - found.right).sum())
    assert sum(found.kinds.values()) == pytest.approx(1 - found.share)
    assert f"of 100 that were checked {(given != truth)[checked].sum()} had another label" in found.sentence()


def test_where_only_what_was_found_wrong_was_kept_it_says_nothing_of_the_others(doubtful):
    """A file of corrections: each of its labels was wrong, and one in five of the others is."""
    _, truth, given, _ = doubtful
    right = picked(np.where(given == truth, truth, -1))[10:]
    wrong = np.flatnonzero(given != truth)[:90]
    checked = np.sort(np.unique(np.concatenate([right[::8], wrong])))
    without, found = judged(doubtful, checked, told=False), judged(doubtful, checked)
    assert not found.relabelled.alike
    assert found.share == without.share
    assert np.array_equal(found.right, without.right)
    assert "they were not picked at random" in found.sentence()


def test_where_none_had_another_label_they_may_have_been_corrected_there(doubtful):
    """Whoever applies a review writes its labels into the training set, and leaves the others as they are."""
    _, truth, given, _ = doubtful
    checked = picked(truth)
    x, _, _, p = doubtful
    labels = given.copy()
    labels[checked] = truth[checked]
    without, found = judged(doubtful, checked, told=False), verify(p, labels, checked, features=x, before=labels)
    assert (found.share, found.interval) == (without.share, without.interval)
    assert np.array_equal(found.right, without.right)
    assert "those 100 that were checked have the same label there, as if they had been corrected" in found.sentence()


@pytest.mark.parametrize("count", [12, 100])
def test_enough_of_them_are_a_number_where_the_verifier_has_none(count):
    """A learner that knows nothing."""
    g = np.random.default_rng(0)
    truth, p = g.integers(0, 3, 1000), g.dirichlet(np.ones(3), 1000)
    given = np.where(g.random(1000) < 0.3, (truth + 1) % 3, truth)
    checked = np.sort(g.choice(1000, count, replace=False))
    labels = given.copy()
    labels[checked] = truth[checked]
    assert verify(p, labels, checked).share is None
    found = verify(p, labels, checked, before=given)
    if count == 12:
        assert found.share is None
        assert "12 that were checked" in found.sentence()
        return
    low, high = found.interval
    assert low <= 1 - (given != truth)[~found.checked].mean() <= high
    assert 0.1 < high - low < 0.25  # as wide as that of a share of a hundred


def test_several_labels():
    x, y = several_labels(1200, 20, 5, seed=1)
    g = np.random.default_rng(1)
    given = np.where(g.random(y.shape) < 0.1, 1 - y, y)
    checked = np.sort(g.choice(len(y), 100, replace=False))
    p = [
        cross_val_predict(LogisticRegression(max_iter=300), x, of, cv=3, method="predict_proba")[:, 1] for of in given.T
    ]
    labels = given.copy()
    labels[checked] = y[checked]
    found = verify_labels(np.stack(p, 1), labels, checked, features=x, before=given)
    wrong = (given != y).any(1)
    assert (found.relabelled.labels, found.relabelled.wrong) == (100, wrong[checked].sum())
    assert found.interval[0] <= 1 - wrong[~found.checked].mean() <= found.interval[1]


def test_labels_before_have_to_be_labels():
    usual = {"probabilities": np.full((20, 2), 0.5), "labels": np.arange(20) % 2, "checked": np.arange(8)}
    with pytest.raises(BadInput, match="the label 5 at position 0 of before= is none of the 2 classes"):
        verify(**usual, before=np.full(20, 5))
    with pytest.raises(BadInput, match=r"labels of before= have shape \(3,\)"):
        verify(**usual, before=np.zeros(3, dtype=int))
    with pytest.raises(BadInput, match=r"and \(20, 3\) before: give one row an example"):
        verify_labels(np.full((20, 2), 0.5), np.zeros((20, 2)), np.arange(8), before=np.zeros((20, 3)))


def test_those_of_some_examples_by_their_positions():
    before = Before(torch.tensor([5, 9, 5, 7]), torch.tensor([0, 1, 2, 3]))
    found = before.among(torch.tensor([9, 5, 1]))
    assert (found.ids.tolist(), found.targets.tolist()) == ([1, 0, 1], [0, 1, 2])
    assert before.among(torch.empty(0, dtype=torch.int64)).ids.tolist() == []


def test_how_many_were_wrong_with_an_interval():
    found = Relabelled.of(Before(torch.tensor([0, 1, 1]), torch.tensor([2, 0, 1])), torch.tensor([2, 1]))
    assert (found.labels, found.wrong) == (3, 1)
    assert Relabelled(60, 12).interval == pytest.approx((0.118, 0.318), abs=1e-3)  # Wilson's
    assert Relabelled(100, 0).interval == pytest.approx((0.0, 0.037), abs=1e-3)
    several = Before(torch.tensor([0, 1]), torch.tensor([[1, 0], [1, 1]]))
    assert Relabelled.of(several, torch.tensor([[1, 0], [1, 0]])).wrong == 1


def test_each_of_a_right_class_stands_for_as_many_as_there_are():
    g = torch.Generator().manual_seed(0)
    truth = torch.cat([torch.zeros(900), torch.ones(60), torch.full((40,), 2)]).long()
    moved = (truth + torch.randint(1, 3, (1000,), generator=g)) % 3
    given = torch.where(torch.rand(1000, generator=g) < 0.2, moved, truth)
    rows = torch.cat([(truth == c).nonzero().flatten()[:20] for c in range(3)])
    found = stands_for(Before(torch.arange(60), given[rows]), truth[rows], given)
    assert found[:20].mean() == pytest.approx(45, rel=0.1)
    assert found[20:].mean() < 8
    at_random = torch.randperm(1000, generator=g)[:60]
    assert stands_for(Before(torch.arange(60), given[at_random]), truth[at_random], given) is None
    by_class = torch.cat([(given == c).nonzero().flatten()[:20] for c in range(3)])
    assert stands_for(Before(torch.arange(60), given[by_class]), truth[by_class], given) is None


def test_shares_of_right_classes_are_found_from_how_they_are_confused():
    share = torch.tensor([0.7, 0.2, 0.1], dtype=torch.double)
    confused = torch.tensor([[0.8, 0.2, 0.0], [0.0, 0.9, 0.1], [0.3, 0.0, 0.7]], dtype=torch.double)
    found = class_shares(1e6 * confused, 1e6 * (share @ confused))
    assert found.tolist() == pytest.approx(share.tolist(), abs=0.01)
