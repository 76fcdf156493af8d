import numpy as np
import pytest
from sklearn.metrics import r2_score

from reweigh import ReweighRegressor
from reweigh.errors import BadInput

QUICK = {"rule": "l2rw", "epochs": 40, "random_state": 0}


def test_it_does_better_than_plain_training(measured):
    def fitted(rule):
        return ReweighRegressor(**{**QUICK, "rule": rule}).fit(measured.X, measured.y, clean=measured.clean)

    weighted, plain = fitted("l2rw"), fitted("uniform")
    assert weighted.score(*measured.test) > max(plain.score(*measured.test) + 0.1, 0.8)
    wrong = (measured.y != measured.truth)[~measured.clean]
    weights = weighted.sample_weight_[~measured.clean]
    assert weights[wrong].mean() < 0.5 * weights[~wrong].mean()


def test_several_targets(measured):
    both = np.stack([measured.y, -1000 * measured.y], axis=1)
    estimator = ReweighRegressor(**QUICK).fit(measured.X, both, X_clean=measured.X[:45], y_clean=both[:45])
    predicted = estimator.predict(measured.test[0])
    assert predicted.shape == (600, 2)
    assert r2_score(-1000 * measured.test[1], predicted[:, 1]) > 0.5


def test_a_teacher_of_numbers_reads_no_class(measured):
    estimator = ReweighRegressor(rule="deep-interaction", epochs=3, random_state=0)
    estimator.fit(measured.X, measured.y, clean=measured.clean)
    assert estimator.rule_.classes is None
    assert estimator.sample_weight_[~measured.clean].std() > 0


def test_a_constant_or_mostly_constant_target(measured):
    assert ReweighRegressor(epochs=30).fit(measured.X, np.full(600, 7.0)).predict(measured.X[:5]) == pytest.approx(
        7, abs=0.5
    )
    mostly = np.where(np.arange(600) < 30, 100.0, 0.0)
    assert np.isfinite(ReweighRegressor(epochs=2).fit(measured.X, mostly).predict(measured.X)).all()


def test_targets_as_they_are_without_standardising(measured):
    small = measured.y / 200
    estimator = ReweighRegressor(standardize=False, **QUICK).fit(measured.X, small, clean=measured.clean)
    assert estimator.score(measured.test[0], measured.test[1] / 200) > 0.5


def test_what_does_not_fit_is_said(measured):
    with pytest.raises(BadInput, match="'proportion' is a rule of classes, which regression has not"):
        ReweighRegressor(rule="proportion").fit(measured.X, measured.y)
    with pytest.raises(BadInput, match="y_clean has 2 targets a row, but y has 1"):
        ReweighRegressor().fit(measured.X, measured.y, X_clean=measured.X[:5], y_clean=np.zeros((5, 2)))


def test_what_is_drawn_is_up_to_the_rule(measured):
    said, checked = {"epochs": 10, "random_state": 0, "train_on_clean": True}, measured.clean

    def error(rule):
        found = ReweighRegressor(rule=rule, **said).fit(measured.X, measured.y, clean=checked).predict(measured.X)
        return round(np.abs(found - measured.truth)[checked].mean(), 6)

    errors = {rule: error(rule) for rule in ("uniform", "checked-only", "fine-tuned")}
    assert len(set(errors.values())) == 3
    assert errors["checked-only"] < errors["uniform"]


def test_a_rule_of_checked_rows_wants_some_among_those_trained_on(measured):
    with pytest.raises(BadInput, match=r"the rule checked-only trains on checked examples.*train_on_clean=True"):
        ReweighRegressor(rule="checked-only").fit(measured.X, measured.y, clean=measured.clean)
