"""Without a rule named, held-back clean rows choose one; what comes out is as if it had been named."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from reweigh import Learning, ReweighClassifier, ReweighRegressor
from reweigh.errors import BadInput
from reweigh.rules import MetaWeightNet
from reweigh.run.choice.candidates import Way
from reweigh.run.choice.decide import Choice

QUICK = {"epochs": 8, "random_state": 0}


@pytest.fixture(scope="module")
def fitted(labelled):
    return ReweighClassifier(**QUICK).fit(labelled.X, labelled.y, clean=labelled.clean)


def test_the_choice_and_its_numbers_are_there(fitted):
    choice = fitted.choice_
    assert choice.rule in choice.tried
    assert {"judged", "judged-and-helpful", "l2rw", "uniform"} >= set(
        choice.tried
    )  # clean rows are not trained on here
    assert all(0 <= tried.checked <= 1 for tried in choice.tried.values())
    assert "macro F1 on 45 held-back checked examples" in choice.why
    assert fitted.rule_.name == choice.rule


def test_it_is_the_fit_with_that_rule_named(fitted, labelled):
    named = ReweighClassifier(rule=fitted.choice_.rule, **QUICK).fit(labelled.X, labelled.y, clean=labelled.clean)
    assert named.choice_ is None
    assert np.array_equal(named.predict_proba(labelled.X), fitted.predict_proba(labelled.X))
    assert np.array_equal(named.sample_weight_, fitted.sample_weight_)


@pytest.mark.slow
def test_how_long_it_trains_is_tried_too_unless_it_is_said(fitted, labelled):
    assert not any(" steps" in way for way in fitted.choice_.tried)
    assert (fitted.n_iter_, fitted.choice_.usual) == (8, None)
    some = np.flatnonzero(labelled.clean)[:24].tolist() + np.flatnonzero(~labelled.clean)[:130].tolist()
    X, noisy, clean = labelled.X[some], labelled.y[some], np.arange(len(some)) < 24
    draw = np.random.default_rng(0)
    wrong = draw.choice(np.arange(24, len(some)), 65, replace=False)
    noisy[wrong] = draw.integers(3, size=len(wrong))
    settings = {"lr": 0.05, "batch_size": 25, "random_state": 0}
    open_ = ReweighClassifier(**settings).fit(X, noisy, clean=clean)
    assert any(way.endswith(" steps") for way in open_.choice_.tried)
    steps, usual = open_.choice_.way.steps, open_.choice_.usual
    assert open_.n_iter_ == len(open_.history_) == (30 if steps is None else round(30 * steps / usual))
    named = ReweighClassifier(rule=open_.choice_.rule, epochs=open_.n_iter_, **settings).fit(X, noisy, clean=clean)
    assert named.choice_ is None
    if open_.choice_.rule in ("uniform", "l2rw"):  # no judges, who learn for a share of the usual length
        assert np.array_equal(named.predict_proba(X), open_.predict_proba(X))


def test_a_shorter_training_is_the_one_that_is_made(labelled, monkeypatch):
    def shortest(module, task, parts, trained_on, train, judges, *, steps, length_open):
        assert length_open
        return Choice(Way("uniform", steps // 3), "it is", {}, usual=steps)

    monkeypatch.setattr("reweigh.hosts.sklearn.base.chosen", shortest)
    short = ReweighClassifier(random_state=0, warm_up=9).fit(labelled.X, labelled.y, clean=labelled.clean)
    assert short.n_iter_ == 10
    named = ReweighClassifier(rule="uniform", epochs=10, random_state=0).fit(
        labelled.X, labelled.y, clean=labelled.clean
    )
    assert np.array_equal(named.predict_proba(labelled.X), short.predict_proba(labelled.X))


@pytest.mark.slow
def test_clean_rows_that_are_trained_on_may_be_all_that_is_needed(labelled):
    estimator = ReweighClassifier(train_on_clean=True, **QUICK).fit(labelled.X, labelled.y, clean=labelled.clean)
    assert "checked-only" in estimator.choice_.tried


@pytest.mark.slow
def test_clean_rows_that_lie_elsewhere(labelled, capsys):
    X, y, clean = labelled.X, labelled.y, labelled.clean
    estimator = ReweighClassifier(verbose=True, **QUICK)
    estimator.fit(X[~clean], y[~clean], X_clean=X[clean], y_clean=y[clean])
    assert estimator.clean_rows_ is None
    assert len(estimator.choice_.tried) >= 3
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"rule {estimator.choice_.rule}: {estimator.choice_.why}"
    assert len(lines) == 1 + 8  # those that were tried say nothing


@pytest.mark.parametrize("name", ["verifier", "right-and-helpful", "judged"])
def test_checked_rows_are_not_taken_for_others_with_their_numbers(labelled, name):
    """A clean set apart has ids of its own, so that none of the rows of X is held to be checked."""
    X, y, clean = labelled.X, labelled.y, labelled.clean
    apart = ReweighClassifier(rule=name, **QUICK).fit(X[~clean], y[~clean], X_clean=X[clean], y_clean=y[clean])
    first = apart.sample_weight_[:45]
    assert (first > 0).any()  # rows that count as checked have no weight until late
    assert apart.score(*labelled.test) > 0.6


def test_without_clean_rows_it_says_what_is_done(labelled):
    estimator = ReweighClassifier(**QUICK).fit(labelled.X, labelled.y)
    assert (estimator.choice_.rule, estimator.choice_.tried) == ("l2rw", {})
    assert estimator.choice_.why == (
        "no row is said to be clean, a share of them stands in, so rules cannot be compared"
    )


def test_few_clean_rows(labelled):
    few = np.concatenate([np.flatnonzero(labelled.clean & (labelled.y == c))[:2] for c in range(3)])
    estimator = ReweighClassifier(**QUICK).fit(labelled.X, labelled.y, clean=few)
    assert estimator.choice_.rule == "judged"
    assert "there are 6 checked examples, too few to hold some back and try rules" in estimator.choice_.why


def test_a_number_and_several(measured):
    one = ReweighRegressor(**QUICK).fit(measured.X, measured.y, clean=measured.clean)
    assert set(one.choice_.tried) <= {"judged", "judged-and-helpful", "uniform", "l2rw"}
    assert one.choice_.tried
    two = ReweighRegressor(**QUICK).fit(measured.X, np.stack([measured.y, measured.y], 1), clean=measured.clean)
    assert two.choice_.rule == "l2rw"
    assert two.choice_.why == "each row has several targets, so rules cannot be compared"


def test_settings_of_a_rule_that_nobody_named(labelled):
    with pytest.raises(BadInput, match="learning= is for a rule that learns, and none is named"):
        ReweighClassifier(learning=Learning(), **QUICK).fit(labelled.X, labelled.y, clean=labelled.clean)
    named = ReweighClassifier(rule=MetaWeightNet(hidden=5), learning=Learning(), epochs=1, random_state=0)
    assert named.fit(labelled.X, labelled.y, clean=labelled.clean).choice_ is None


@pytest.mark.slow
def test_under_noise_that_draws_to_one_class_it_is_far_above_plain_training():
    X, y = load_digits(return_X_y=True)
    clean = np.arange(len(y)) < 200
    wrong = ~clean & (np.random.default_rng(0).random(len(y)) < 0.4) & (np.arange(len(y)) < 900)
    given, train = np.where(wrong, 0, y), np.arange(len(y)) < 900
    scores = [
        ReweighClassifier(rule=rule, epochs=20, random_state=0)
        .fit(X[train], given[train], clean=clean[train])
        .score(X[~train], y[~train])
        for rule in ("auto", "uniform")
    ]
    assert scores[0] > scores[1] + 0.05
