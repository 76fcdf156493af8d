"""scikit-learn's own checks of an estimator: all of them, none skipped, none expected to fail."""

import pytest

pytest.importorskip("sklearn")
from sklearn.utils.estimator_checks import parametrize_with_checks

from reweigh import ReweighClassifier, ReweighRegressor


@parametrize_with_checks([ReweighClassifier(), ReweighRegressor()])
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)
