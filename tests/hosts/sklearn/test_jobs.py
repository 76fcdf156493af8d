"""Several jobs of scikit-learn, processes or threads, come to the numbers of one."""

import time

import joblib
import numpy as np
import pytest
import sklearn
import torch
from sklearn.ensemble import BaggingClassifier, BaggingRegressor
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score

from reweigh import ReweighClassifier, ReweighRegressor

CV = StratifiedKFold(2, shuffle=True, random_state=0)


class SlowlyDrawn(torch.nn.Sequential):
    """Two jobs in one process meet while they draw their first parameters."""

    def __init__(self, inputs=12, outputs=3):
        first = torch.nn.Linear(inputs, 8)
        time.sleep(0.05)
        super().__init__(first, torch.nn.ReLU(), torch.nn.Dropout(0.2), torch.nn.Linear(8, outputs))


def numbers(labelled, jobs, rule, **settings):
    """What each way of starting jobs comes to."""
    X, y = labelled.X, labelled.y
    one = ReweighClassifier(rule=rule, epochs=2, random_state=0, **settings)
    told = {"cv": CV, "n_jobs": jobs, "scoring": "neg_log_loss"}
    search = GridSearchCV(one, {"lr": [0.01, 0.03]}, **told).fit(X, y)
    bag = BaggingClassifier(one, n_estimators=3, random_state=0, n_jobs=jobs).fit(X, y)
    several = BaggingRegressor(ReweighRegressor(rule=rule, epochs=2), n_estimators=2, random_state=0, n_jobs=jobs)
    with sklearn.config_context(enable_metadata_routing=True):
        scores = cross_val_score(one.set_fit_request(clean=True), X, y, params={"clean": labelled.clean}, **told)
    return {
        "search": search.cv_results_["mean_test_score"],
        "scores": scores,
        "bag": bag.predict_proba(X),
        "several": several.fit(X, X[:, 0]).predict(X),
    }


def test_jobs_in_threads_are_jobs_one_after_the_other(labelled):
    settings = {"module": SlowlyDrawn}

    def probabilities(jobs):
        bag = BaggingClassifier(
            ReweighClassifier(rule="l2rw", epochs=2, **settings), n_estimators=3, random_state=0, n_jobs=jobs
        )
        with joblib.parallel_config("threading"):
            return bag.fit(labelled.X, labelled.y).predict_proba(labelled.X)

    torch.manual_seed(0)
    before = torch.get_rng_state()
    np.testing.assert_array_equal(probabilities(3), probabilities(1))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.slow
@pytest.mark.parametrize("rule", ["l2rw", "meta-weight-net", "auto"])
def test_jobs_in_processes_are_jobs_one_after_the_other(labelled, rule):
    with joblib.parallel_config("loky", inner_max_num_threads=1):
        two, one = numbers(labelled, 2, rule), numbers(labelled, 1, rule)
    for name in one:
        np.testing.assert_allclose(two[name], one[name], rtol=0, atol=1e-6, err_msg=name)
