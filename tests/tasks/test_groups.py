"""Groups by hand: classes, labels that overlap, ranges of a target."""

import numpy as np
import pytest

from reweigh.tasks import Classification, MultiLabel, Regression


def test_classes():
    found = Classification(("a", "b", "c")).groups(np.array([0, 0, 1]), np.array([0, 1, 1]))
    assert found.counts.tolist() == [2, 1, 0]
    assert found.mean(np.array([1.0, np.nan, 5.0]))[:2].tolist() == [1.0, 5.0]
    assert np.isnan(found.mean(np.ones(3))[2])
    assert found.confusion.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]
    assert not found.overlap


def test_labels_overlap():
    given, suggested = np.array([[1, 1], [0, 1], [0, 0]]), np.array([[1, 0], [1, 0], [0, 0]])
    found = MultiLabel(("red", "round")).groups(given, suggested)
    assert found.overlap
    assert found.counts.tolist() == [1, 2]
    assert found.mean(np.array([1.0, 3.0, 100.0])).tolist() == [1.0, 2.0]
    # "round" was given and is not said twice, once of an example that gets "red" in its place
    assert found.confusion.tolist() == [[1, 0], [1, 0]]


def test_ranges_of_a_target():
    given = np.arange(100.0)
    found = Regression(("price",)).groups(given, given + 25)
    assert found.counts.tolist() == [20] * 5
    assert found.names[0] == "0 to 19.8"
    assert found.confusion[4].tolist() == [0, 0, 0, 0, 20]  # what is beyond the last edge is in the last range
    assert found.confusion[0].tolist() == [0, 15, 5, 0, 0]


@pytest.mark.parametrize("given", [[3.0, 3.0, 3.0], [0.0, 0.0, 0.0, 0.0, 1.0]])
def test_a_target_of_few_values(given):
    found = Regression(("price",)).groups(np.array(given), np.array(given) * 2)
    assert found.counts.sum() == len(given)
    assert len(found.names) == len(set(given))
    assert found.confusion.trace() == len(given)
