"""Inside pipelines, searches and pandas, with metadata routing."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.datasets import make_blobs
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from reweigh import ReweighClassifier

CV = StratifiedKFold(2, shuffle=True, random_state=0)


def _routed():
    return ReweighClassifier(rule="l2rw", epochs=3, random_state=0).set_fit_request(clean=True)


def test_a_pipeline_passes_the_clean_mask_on(labelled):
    with sklearn.config_context(enable_metadata_routing=True):
        pipeline = make_pipeline(MinMaxScaler(), _routed()).fit(labelled.X, labelled.y, clean=labelled.clean)
    assert (pipeline[-1].clean_rows_ == np.flatnonzero(labelled.clean)).all()
    by_name = make_pipeline(MinMaxScaler(), ReweighClassifier(rule="l2rw", epochs=3, random_state=0))
    by_name.fit(labelled.X, labelled.y, reweighclassifier__clean=labelled.clean)
    np.testing.assert_array_equal(by_name.predict_proba(labelled.X), pipeline.predict_proba(labelled.X))


def test_searches_split_the_mask_with_the_rows(labelled):
    with sklearn.config_context(enable_metadata_routing=True):
        search = GridSearchCV(
            _routed(), {"rule": ["l2rw", "uniform"], "hidden": [(8,), (16, 8)]}, cv=CV, error_score="raise"
        )
        search.fit(labelled.X, labelled.y, clean=labelled.clean)
        assert len(search.cv_results_["mean_test_score"]) == 4
        scores = cross_val_score(_routed(), labelled.X, labelled.y, params={"clean": labelled.clean}, cv=CV)
    assert np.isfinite(scores).all()


def test_pandas_in_with_names_kept(labelled):
    table = pd.DataFrame(labelled.X, columns=[f"column {i}" for i in range(12)]).sample(frac=1, random_state=0)
    y = pd.Series(labelled.y)[table.index].map({0: "none", 1: "some", 2: "many"})
    clean = pd.Series(labelled.clean, dtype="boolean")[table.index]
    estimator = ReweighClassifier(rule="l2rw", epochs=3, random_state=0).fit(table, y, clean=clean)
    assert list(estimator.feature_names_in_) == list(table.columns)
    assert set(estimator.predict(table)) <= {"none", "some", "many"}
    # By position, whatever the index says.
    assert (labelled.clean[table.index[estimator.clean_rows_]]).all()
    with pytest.raises(ValueError, match="feature names"):
        estimator.predict(table[table.columns[::-1]])


def test_a_fitted_clean_set_is_told_once():
    X, y = make_blobs(200, centers=2, random_state=0, center_box=(-50, 50))
    named = ReweighClassifier(rule="l2rw", lr=0.1, epochs=15, batch_size=20, random_state=0)
    with pytest.warns(ConvergenceWarning, match=r"the clean set is fitted .* later weights are noise") as told:
        named.fit(X, y, clean=np.arange(20))
    assert len(told) == 1
