import numpy as np
import pytest

from reweigh.audit.quality import label_quality, most_distrusted_first, trust


def trusted(weight, zero, alignment, visits):
    return trust(*(np.array(column, dtype=float) for column in (weight, zero, alignment)), np.array(visits))


def test_often_at_zero_is_worse_than_a_small_weight():
    scores = trusted([0.9, 0.2], [0.75, 0.25], [0.0, 0.0], [4, 4])
    assert scores[0] < scores[1]


def test_equals_are_ordered_by_weight_and_then_by_alignment():
    scores = trusted([0.5, 0.4, 0.0, 0.0, 0.0], [0.5, 0.5, 1, 1, 1], [-9, 9, -1, -2, 0.5], [2] * 5)
    assert most_distrusted_first(scores).tolist() == [3, 2, 4, 1, 0]
    assert len(set(scores)) == 5


def test_scores_are_shares_and_the_map_keeps_the_rank():
    random = np.random.default_rng(0)
    zeros = random.integers(0, 11, 500) / 10
    scores = trusted(random.exponential(1, 500), zeros, random.normal(0, 50, 500), [10] * 500)
    assert 0 <= scores.min() < 0.1
    assert 0.9 < scores.max() <= 1
    assert (np.diff(scores[np.argsort(zeros, kind="stable")]) > 0).sum() > 0
    for less, more in zip(zeros, np.roll(zeros, 1), strict=True):
        pair = scores[zeros == min(less, more)].min(), scores[zeros == max(less, more)].max()
        assert less == more or pair[0] > pair[1]


def test_without_zeros_the_weight_decides_and_the_plain_weight_is_a_half():
    scores = trusted([1.0, 0.5, 3.0], [0, 0, 0], [0, 0, 0], [5, 5, 5])
    assert scores.tolist() == pytest.approx([0.5, 0.335, 0.7475])


def test_the_unseen_have_no_score_and_come_last():
    scores = trusted([np.nan, 0.0, 2.0], [np.nan, 1, 0], [np.nan, np.nan, 1], [0, 3, 3])
    assert np.isnan(scores).tolist() == [True, False, False]
    assert most_distrusted_first(scores).tolist() == [1, 2, 0]


def test_quality_is_trust_times_the_typical_probability():
    scores = label_quality(np.array([0.5, 0.5, 0.5, np.nan]), np.array([0.0, np.log(4), np.nan, 1.0]))
    assert scores.tolist() == pytest.approx([0.5, 0.125, 0.5, np.nan], nan_ok=True)


def test_with_the_same_loss_quality_keeps_the_order_of_trust():
    values = np.random.default_rng(0).random(100)
    assert most_distrusted_first(label_quality(values, np.full(100, 2.0))).tolist() == np.argsort(values).tolist()
