"""Near copies and what lies far away: planted ones are found, and next to none where nobody planted any."""

import time

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_digits

from reweigh.audit.search import near_and_far
from reweigh.audit.vectors import Vectors, vectors_of
from reweigh.data import Examples


def vectors(x, y=None):
    import torch

    x = torch.as_tensor(x, dtype=torch.float32)
    return vectors_of([Examples(x, torch.arange(len(x)) % 2, torch.arange(len(x)), ("a", "b"))], None)


def pairs(found):
    return {tuple(sorted(pair)) for pair in found.pairs.tolist()}


def noisy(images, scale, draw):
    return np.clip(images + scale * draw.normal(size=images.shape), 0, 1)


def test_no_two_of_the_digits_are_nearly_the_same():
    images = load_digits().images[:, None] / 16
    found = near_and_far(vectors(images))
    assert not len(found.pairs)
    assert found.outlier.sum() <= 3


def test_planted_copies_of_images_are_found_and_no_others():
    images, draw = load_digits().images[:, None] / 16, np.random.default_rng(0)
    planted = np.concatenate([noisy(images[:30], 0.02, draw), np.clip(images[30:60] * 1.1, 0, 1)])
    found = pairs(near_and_far(vectors(np.concatenate([images, planted]))))
    wanted = {(k, len(images) + k) for k in range(60)}
    assert found <= wanted
    assert len(found) >= 57


def test_planted_copies_of_rows_are_found_and_no_others():
    rows, draw = load_breast_cancer().data, np.random.default_rng(0)
    planted = rows[:40] + 0.01 * rows.std(0) * draw.normal(size=(40, rows.shape[1]))
    found = near_and_far(vectors(np.concatenate([rows, planted])))
    assert pairs(found) == {(k, len(rows) + k) for k in range(40)}


@pytest.mark.parametrize("columns", [1, 2, 5, 20])
def test_what_is_near_by_chance_is_no_copy(columns):
    rows = np.random.default_rng(columns).normal(size=(3000, columns))
    assert len(pairs(near_and_far(vectors(rows)))) <= 1


def test_what_lies_far_from_all_others():
    rows = np.random.default_rng(0).normal(size=(500, 6))
    rows[7], rows[123] = 40.0, -25.0
    assert np.flatnonzero(near_and_far(vectors(rows)).outlier).tolist() == [7, 123]


def test_few_or_very_many_are_not_searched():
    for count in (10, 200_001):
        x = np.zeros((count, 1), dtype=np.float32)
        found = near_and_far(Vectors(x, x))
        assert not len(found.pairs)
        assert not found.outlier.any()


@pytest.mark.slow
def test_fifty_thousand_images_take_less_than_a_minute():
    images = np.random.default_rng(0).random((50_000, 1, 28, 28), dtype=np.float32)
    images[-1] = images[0] * 0.999
    started = time.perf_counter()
    assert pairs(near_and_far(vectors(images))) == {(0, 49_999)}
    assert time.perf_counter() - started < 60
