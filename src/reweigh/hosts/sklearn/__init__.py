"""scikit-learn estimators: `ReweighClassifier` and `ReweighRegressor`."""

from reweigh.errors import require

require("sklearn", "sklearn")

from reweigh.hosts.sklearn.classifier import ReweighClassifier  # noqa: E402
from reweigh.hosts.sklearn.regressor import ReweighRegressor  # noqa: E402

__all__ = ["ReweighClassifier", "ReweighRegressor"]
