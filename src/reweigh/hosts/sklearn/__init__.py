"""scikit-learn estimators: `ReweighClassifier` and `ReweighRegressor`."""

from reweigh.hosts.sklearn.classifier import ReweighClassifier as ReweighClassifier
from reweigh.hosts.sklearn.regressor import ReweighRegressor as ReweighRegressor

__all__ = ["ReweighClassifier", "ReweighRegressor"]
