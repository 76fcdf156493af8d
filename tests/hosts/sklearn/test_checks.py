"""scikit-learn's own checks of an estimator: all of them, none expected to fail.

One, `check_array_api_input`, scikit-learn leaves out by itself unless SCIPY_ARRAY_API=1 is set before SciPy is imported
(for other tests that would be another SciPy than people use); with it the check passes.
"""

import pytest

pytest.importorskip("sklearn")
from sklearn.utils.estimator_checks import parametrize_with_checks

from reweigh import ReweighClassifier, ReweighRegressor


@parametrize_with_checks([ReweighClassifier(), ReweighRegressor()])
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)
