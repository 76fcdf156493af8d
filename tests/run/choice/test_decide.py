"""The choice: by both kinds of held-back examples, as far as each can be believed; the safe way where nothing is sure."""

import math

import numpy as np
import pytest

from reweigh.run.choice.candidates import Candidates, Way
from reweigh.run.choice.choose import Trial
from reweigh.run.choice.decide import ByGiven, Choice, Tried, best_of, compared, hopeless, told

VERIFIER, L2RW, UNIFORM, HELPFUL, CHECKED = map(
    Way, ("verifier", "l2rw", "uniform", "right-and-helpful", "checked-only")
)
NAMES = (VERIFIER, L2RW, UNIFORM)


def scores(values, noise, seed, rows=200):
    """Scores of three ways, and resamples around them."""
    draw = np.random.default_rng(seed)
    return np.concatenate([[values], np.asarray(values) + draw.normal(size=(rows, 3)) * noise])


def by_given(values, noise, doubt=0.0):
    return ByGiven(scores(values, noise, 1), np.array([0.0, doubt, doubt]))


def test_one_that_is_better_by_both_is_taken():
    tried = compared(NAMES, VERIFIER, scores([0.7, 0.9, 0.6], 0.02, 0), by_given([0.7, 0.88, 0.6], 0.01), 100)
    assert best_of(tried, VERIFIER) == L2RW
    assert tried[L2RW].gain == pytest.approx(0.185, abs=0.02)
    assert tried[VERIFIER].gain == tried[VERIFIER].error == 0


def test_the_safe_one_is_taken_where_nothing_is_sure():
    tried = compared(NAMES, VERIFIER, scores([0.7, 0.75, 0.72], 0.1, 0), by_given([0.7, 0.71, 0.7], 0.05), 20)
    assert best_of(tried, VERIFIER) == VERIFIER


def test_few_examples_that_agree_by_luck_are_not_believed():
    """Four examples, all resamples alike: no spread to be seen, and still not sure."""
    tried = compared(NAMES, VERIFIER, scores([0.7, 0.9, 0.7], 0.0, 0), None, 4)
    assert tried[L2RW].error > 0.2
    assert best_of(tried, VERIFIER) == VERIFIER


def test_many_given_labels_tell_what_few_checked_ones_cannot():
    few = scores([0.70, 0.74, 0.70], 0.06, 0)
    assert best_of(compared(NAMES, VERIFIER, few, None, 30), VERIFIER) == VERIFIER
    many = by_given([0.70, 0.74, 0.70], 0.005)
    assert best_of(compared(NAMES, VERIFIER, few, many, 30), VERIFIER) == L2RW


def test_given_labels_that_contradict_checked_ones_are_not_believed():
    """Wrong labels that look right praise what learns them by heart."""
    checked = scores([0.8, 0.95, 0.5], 0.02, 0)
    given = by_given([0.6, 0.5, 0.9], 0.005)
    tried = compared(NAMES, VERIFIER, checked, given, 100)
    assert best_of(tried, VERIFIER) == L2RW
    assert tried[UNIFORM].gain < 0


def test_a_few_lucky_checked_examples_do_not_silence_many_given_labels():
    """Two and a half standard errors apart, both ways alike since they are models of the same rows."""
    checked, given = scores([0.6, 0.8, 0.8], 0.07, 0), by_given([0.65, 0.6, 0.6], 0.007)
    tried = compared(NAMES, VERIFIER, checked, given, 20)
    assert tried[L2RW].gain == pytest.approx(-0.05, abs=0.02)
    assert best_of(tried, VERIFIER) == VERIFIER


def test_the_more_given_labels_are_unsure_the_less_they_say():
    """Half of them are wrong as a rule makes them: plain training says them all, and checked ones that it is worse."""
    checked = scores([0.5, 0.6, 0.5], 0.05, 0)
    told = [compared(NAMES, VERIFIER, checked, by_given([0.7, 0.6, 0.7], 0.01, doubt), 40) for doubt in (0, 0.05, 0.3)]
    assert [best_of(tried, VERIFIER) for tried in told] == [VERIFIER, VERIFIER, L2RW]
    gains = [tried[L2RW].gain for tried in told]
    assert gains[0] == pytest.approx(-0.09, abs=0.02)
    assert gains[2] == pytest.approx(0.09, abs=0.02)
    assert gains == sorted(gains)
    errors = [tried[L2RW].error for tried in told]
    assert errors == sorted(errors)


def test_without_given_labels_the_checked_ones_decide():
    tried = compared(NAMES, UNIFORM, scores([0.5, 0.9, 0.5], 0.02, 0), None, 200)
    assert math.isnan(tried[L2RW].given)
    assert best_of(tried, UNIFORM) == L2RW


def test_the_best_is_taken_if_it_is_better_for_sure():
    gains = {VERIFIER: Tried(0.5, 0.5), UNIFORM: Tried(0.52, 0.52, 0.02, 0.03), L2RW: Tried(0.5, 0.5, 0.01, 0.01)}
    assert best_of(gains, VERIFIER) == UNIFORM
    assert best_of({**gains, UNIFORM: Tried(0.5, 0.5, 0.02, 0.05)}, VERIFIER) == VERIFIER
    assert best_of({VERIFIER: Tried(0.5, 0.5)}, VERIFIER) == VERIFIER


def test_where_labels_look_fine_it_has_to_be_much_surer():
    gains = {VERIFIER: Tried(0.9, 0.9), UNIFORM: Tried(0.92, 0.92, 0.02, 0.012)}
    assert best_of(gains, VERIFIER) == UNIFORM
    assert best_of(gains, VERIFIER, fine=True) == VERIFIER
    assert best_of({**gains, UNIFORM: Tried(0.92, 0.92, 0.02, 0.008)}, VERIFIER, fine=True) == UNIFORM


def test_what_is_hopeless_is_not_tried_again_and_the_safe_one_always():
    tried = {VERIFIER: Tried(0.5, 0.5), L2RW: Tried(0.9, 0.9, 0.4, 0.02), UNIFORM: Tried(0.4, 0.4, -0.1, 0.02)}
    assert set(hopeless(tried, VERIFIER)) == {UNIFORM}


def test_what_is_told_names_all_of_them_and_how_sure_it_is():
    tried = {VERIFIER: Tried(0.8, 0.7), L2RW: Tried(0.9, math.nan, 0.05, 0.01)}
    brief, scores = told(tried, {UNIFORM: Tried(0.1, 0.2, -0.6, 0.01)}, L2RW, VERIFIER, "test_macro_f1", 40)
    assert brief == "5.0 ± 1.0 better than verifier"
    assert scores.startswith("macro F1 on 40 held-back checked examples")
    assert scores.endswith("l2rw 90.0 %; verifier 80.0 % and 70.0 %; uniform 10.0 % and 20.0 %")
    assert told(tried, {}, VERIFIER, VERIFIER, "test_macro_f1", 40)[0] == "nothing is better than verifier for sure"


def test_a_choice_stands_in_a_file():
    found = Choice(L2RW, "because", {"l2rw": Tried(0.9, 0.8)}, 100).as_json()
    assert found["rule"] == "l2rw"
    assert found["tried"]["l2rw"] == {"checked": 0.9, "given": 0.8, "gain": 0.0, "error": 0.0}


def test_a_shorter_run_stands_under_its_own_name():
    short = Way("judged", 75)
    choice = Choice(short, "because", {"judged": Tried(0.5, 0.5), str(short): Tried(0.9, 0.8)}, usual=600)
    assert choice.rule == "judged"
    found = choice.as_json()
    assert list(found["tried"]) == ["judged", "judged for 75 steps"]
    assert found["usual"] == 600


def test_plain_training_is_safe_unless_labels_are_wrong_for_sure():
    rules = Candidates(("judged", "l2rw", "uniform"), "judged")
    found = {told: Trial(rules, (), told, 10, 2, 0) for told in (True, False, None)}
    assert {told: (trial.safe, trial.fine) for told, trial in found.items()} == {
        True: ("judged", False),
        False: ("uniform", True),
        None: ("uniform", False),
    }
