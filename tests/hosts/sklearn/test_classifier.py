import pickle

import numpy as np
import pytest
import torch
from scipy.sparse import csc_matrix, csr_array
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

from reweigh import Learning, MetaWeightNet, ReweighClassifier
from reweigh.metrics import auroc

QUICK = {"rule": "l2rw", "epochs": 15, "random_state": 0}


@pytest.fixture(scope="module")
def fitted(labelled):
    return ReweighClassifier(**QUICK).fit(labelled.X, labelled.y, clean=labelled.clean)


def test_it_does_better_than_plain_training_and_finds_the_wrong_labels(labelled, fitted):
    plain = ReweighClassifier(**{**QUICK, "rule": "uniform"}).fit(labelled.X, labelled.y, clean=labelled.clean)
    assert fitted.score(*labelled.test) > plain.score(*labelled.test) + 0.1
    weighed, wrong = ~labelled.clean, labelled.y != labelled.truth
    assert auroc(torch.from_numpy(-fitted.sample_weight_[weighed]), torch.from_numpy(wrong[weighed])) > 0.7


def test_the_weights_are_relative_to_plain_training(labelled, fitted):
    plain = ReweighClassifier(**{**QUICK, "rule": "uniform"}).fit(labelled.X, labelled.y, clean=labelled.clean)
    np.testing.assert_allclose(plain.sample_weight_, 1.0, rtol=1e-6)
    assert fitted.sample_weight_.shape == (600,)
    assert (fitted.sample_weight_[labelled.clean] == 1).all()
    assert abs(fitted.sample_weight_[~labelled.clean].mean() - 1) < 0.02


def test_the_weights_help_another_estimator(labelled, fitted):
    def score(weights):
        return LogisticRegression().fit(labelled.X, labelled.y, sample_weight=weights).score(*labelled.test)

    assert score(fitted.sample_weight_) > score(None) + 0.05


def test_mask_numbers_and_a_clean_set_apart_are_one(labelled, fitted):
    by_number = ReweighClassifier(**QUICK).fit(labelled.X, labelled.y, clean=np.flatnonzero(labelled.clean))
    np.testing.assert_array_equal(by_number.sample_weight_, fitted.sample_weight_)
    rest = ~labelled.clean
    apart = ReweighClassifier(**QUICK).fit(
        labelled.X[rest], labelled.y[rest], X_clean=labelled.X[labelled.clean], y_clean=labelled.y[labelled.clean]
    )
    assert apart.clean_rows_ is None
    assert apart.sample_weight_.shape == (rest.sum(),)
    assert apart.score(*labelled.test) > 0.7


@pytest.mark.parametrize("kind", [csr_array, csc_matrix])
def test_sparse_input_is_as_dense(labelled, fitted, kind):
    sparse = ReweighClassifier(**QUICK).fit(kind(labelled.X), labelled.y, clean=labelled.clean)
    np.testing.assert_allclose(sparse.sample_weight_, fitted.sample_weight_, atol=2e-2)
    np.testing.assert_allclose(sparse.predict_proba(kind(labelled.X)), fitted.predict_proba(labelled.X), atol=2e-2)


def test_outputs_agree_with_each_other(labelled, fitted):
    X = labelled.test[0]
    assert (fitted.classes_[fitted.decision_function(X).argmax(1)] == fitted.predict(X)).all()
    np.testing.assert_allclose(fitted.predict_proba(X).sum(1), 1, rtol=1e-5)
    two = ReweighClassifier(**QUICK).fit(X, np.where(labelled.test[1] > 0, "yes", "no"))
    assert two.decision_function(X).shape == (600,)
    assert ((two.decision_function(X) > 0) == (two.predict(X) == "yes")).all()


def test_a_prediction_does_not_depend_on_the_rows_beside_it(labelled, fitted):
    X = labelled.test[0]
    one_by_one = np.concatenate([fitted.predict_proba(X[i : i + 1]) for i in range(20)])
    np.testing.assert_array_equal(one_by_one, fitted.predict_proba(X)[:20])


def test_after_pickling_it_predicts_the_same(labelled, fitted):
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict_proba(labelled.X), fitted.predict_proba(labelled.X))
    np.testing.assert_array_equal(again.sample_weight_, fitted.sample_weight_)


def test_fits_are_repeatable_and_leave_the_global_generators_alone(labelled, fitted):
    torch.manual_seed(3)
    before = torch.get_rng_state()
    again = clone(fitted).fit(labelled.X, labelled.y, clean=labelled.clean)
    assert torch.equal(torch.get_rng_state(), before)
    np.testing.assert_array_equal(again.predict_proba(labelled.X), fitted.predict_proba(labelled.X))


def test_rules_that_learn(labelled):
    rule = MetaWeightNet(hidden=10)
    estimator = ReweighClassifier(rule=rule, learning=Learning(lr=0.01), epochs=4, random_state=0)
    estimator.fit(labelled.X, labelled.y, clean=labelled.clean)
    assert rule.net is None  # the rule given is a pattern; what was trained is `rule_`
    assert estimator.rule_.net is not None
    assert pickle.loads(pickle.dumps(estimator)).predict(labelled.X).shape == (600,)


@pytest.mark.parametrize(
    "rule", ["class-aware", "deep-interaction", "proportion", "resampling", "hard-mining", "random"]
)
def test_rules_by_name(labelled, rule):
    estimator = ReweighClassifier(rule=rule, epochs=2, random_state=0)
    estimator.fit(labelled.X, labelled.y, clean=labelled.clean)
    assert np.isfinite(estimator.sample_weight_).all()
    assert estimator.sample_weight_[~labelled.clean].std() > 0


def test_modules_of_ones_own(labelled):
    class Normalised(torch.nn.Module):
        def __init__(self, features, classes):
            super().__init__()
            self.layers = torch.nn.Sequential(
                torch.nn.Linear(features, 8), torch.nn.BatchNorm1d(8), torch.nn.ReLU(), torch.nn.Linear(8, classes)
            )

        def forward(self, x):
            return self.layers(x)

    by_class = ReweighClassifier(Normalised, rule="l2rw", batch_size=111, epochs=3, random_state=0)
    assert by_class.fit(labelled.X, labelled.y, clean=labelled.clean).predict(labelled.X[:1]).shape == (1,)
    given = torch.nn.Linear(12, 3)
    before = given.weight.clone()
    ReweighClassifier(given, rule="l2rw", epochs=1, optimizer=torch.optim.SGD).fit(
        labelled.X, labelled.y, clean=labelled.clean
    )
    assert torch.equal(given.weight, before)


def test_a_share_stands_in_where_there_is_no_clean_set(labelled):
    estimator = ReweighClassifier(clean_fraction=0.2, epochs=2, random_state=0).fit(labelled.X, labelled.y)
    assert set(labelled.y[estimator.clean_rows_]) == {0, 1, 2}
    assert abs(len(estimator.clean_rows_) - 120) <= 2
    assert (estimator.sample_weight_[estimator.clean_rows_] == 1).all()


def test_it_trains_on_the_clean_rows_too_where_told(labelled):
    estimator = ReweighClassifier(train_on_clean=True, epochs=2, random_state=0)
    estimator.fit(labelled.X, labelled.y, clean=labelled.clean)
    assert not (estimator.sample_weight_[labelled.clean] == 1).any()


def test_verbose_prints_a_line_an_epoch(labelled, capsys):
    estimator = ReweighClassifier(rule="l2rw", epochs=3, verbose=True).fit(labelled.X, labelled.y)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(estimator.history_) == 3
    assert lines[2].startswith("epoch 3/3: weighted loss ")
