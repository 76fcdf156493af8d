"""Nearness to the checked examples of each class, by a loop; and that nobody is near to himself."""

import pytest
import torch

from reweigh.metrics import auroc
from reweigh.rightness.nearness import ClassMeans, folds, nearness

CLASSES = 3


def checked_ones(count=30, seed=0, apart=2.0):
    draw = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % CLASSES
    return torch.randn(count, 5, generator=draw, dtype=torch.double) + apart * labels[:, None], labels


def by_hand(one, rows, labels, scale):
    """Log-probabilities of one example by mean squares of its distance to each class's mean."""
    centre, spread = scale.mean(0), scale.std(0)
    z = (rows - centre) / spread
    own = (one - centre) / spread
    means = [z[labels == c].mean(0) if bool((labels == c).any()) else None for c in range(CLASSES)]
    apart = [(own - (z.mean(0) if mean is None else mean)).square().mean() for mean in means]
    return torch.log_softmax(-4 * torch.stack(apart), 0)


def test_it_is_the_distance_to_each_class_by_a_loop():
    rows, labels = checked_ones()
    new = checked_ones(7, seed=1)[0]
    found = ClassMeans.of(rows, labels, CLASSES).near(new)
    for one, said in zip(new, found, strict=True):
        assert torch.allclose(said, by_hand(one, rows, labels, rows), atol=1e-9)


def test_a_checked_one_is_judged_without_its_fold():
    rows, labels = checked_ones()
    found, fold = ClassMeans.of(rows, labels, CLASSES).near_without(rows, labels), folds(labels)
    for place in (0, 7, 29):
        others = fold != fold[place]
        assert torch.allclose(found[place], by_hand(rows[place], rows[others], labels[others], rows), atol=1e-9)


def test_a_fold_has_as_many_of_each_class():
    labels = torch.tensor([2, 0, 0, 1, 1, 0, 2, 1, 0, 0, 1, 1])
    numbers = folds(labels)
    for label, count in ((0, 5), (1, 5), (2, 2)):
        assert sorted(numbers[labels == label].tolist()) == list(range(count))


def test_of_labels_that_have_nothing_to_do_with_the_inputs_nothing_is_told():
    rows, _ = checked_ones(300, apart=0.0)
    labels = torch.randint(CLASSES, (300,), generator=torch.Generator().manual_seed(5))
    said = nearness(rows, torch.arange(300), labels, CLASSES).gather(1, labels[:, None])[:, 0]
    other = nearness(rows, torch.arange(300), labels, CLASSES).gather(1, ((labels + 1) % CLASSES)[:, None])[:, 0]
    is_right = torch.cat([torch.ones(300), torch.zeros(300)])
    assert auroc(torch.cat([said, other]), is_right) == pytest.approx(0.5, abs=0.06)


def test_a_class_without_a_checked_one_lies_where_all_do():
    rows, labels = checked_ones()
    some = labels != 2
    found = ClassMeans.of(rows[some], labels[some], CLASSES).near(rows[:6])
    for one, said in zip(rows[:6], found, strict=True):
        assert torch.allclose(said, by_hand(one, rows[some], labels[some], rows[some]), atol=1e-9)
    assert bool(found.isfinite().all())


def test_units_do_not_matter_and_a_constant_feature_says_nothing():
    rows, labels = checked_ones()
    scaled = torch.cat([rows * torch.tensor([1e3, 1.0, 1e-1, 7.0, 2.0]) - 4, torch.full((30, 5), 9.0)], 1)
    plain = ClassMeans.of(torch.cat([rows, torch.zeros(30, 5)], 1), labels, CLASSES)
    found = ClassMeans.of(scaled, labels, CLASSES)
    assert torch.allclose(found.near(scaled), plain.near(torch.cat([rows, torch.zeros(30, 5)], 1)), atol=1e-9)


def test_all_examples_at_once_are_the_two_together():
    rows, labels = checked_ones()
    others = checked_ones(20, seed=2)[0]
    every, checked = torch.cat([others, rows]), torch.arange(20, 50)
    found = nearness(every, checked, labels, CLASSES)
    means = ClassMeans.of(rows, labels, CLASSES, scale=every)
    assert torch.equal(found[:20], means.near(others))
    assert torch.equal(found[20:], means.near_without(rows, labels))
    assert torch.allclose(found.exp().sum(1), torch.ones(50, dtype=torch.double))
