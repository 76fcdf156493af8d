"""A table with wrong labels and a few checked rows, and estimators that are trained in a moment."""

from typing import NamedTuple

import numpy as np
import pytest

pytest.importorskip("sklearn")
from sklearn.datasets import make_classification, make_regression


class Table(NamedTuple):
    X: np.ndarray
    y: np.ndarray
    truth: np.ndarray
    clean: np.ndarray
    test: tuple[np.ndarray, np.ndarray]


@pytest.fixture(scope="session")
def labelled() -> Table:
    """600 rows of three classes, of which 40 % are labelled as the first; 45 checked rows; 600 rows to test."""
    X, truth = make_classification(1200, 12, n_informative=8, n_classes=3, class_sep=1.5, random_state=0)
    return _spoilt(X, truth, lambda y, wrong: y.__setitem__(wrong, 0))


@pytest.fixture(scope="session")
def measured() -> Table:
    """600 rows with a target, to which a fifth has 400 added; 45 checked rows; 600 rows to test."""
    X, truth = make_regression(1200, 12, n_informative=8, noise=5, random_state=0)
    return _spoilt(X, truth, lambda y, wrong: y.__setitem__(wrong, y[wrong] + 400), share=0.2)


def _spoilt(X, truth, spoil, share=0.4) -> Table:
    random = np.random.RandomState(1)
    y, clean = truth[:600].copy(), np.arange(600) < 45
    spoil(y, (random.rand(600) < share) & ~clean)
    return Table(X[:600], y, truth[:600], clean, (X[600:], truth[600:]))
