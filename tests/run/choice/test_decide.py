"""The choice: by both kinds of held-back examples, as far as each can be believed; the safe way where nothing is sure."""

import math

import numpy as np
import pytest

from reweigh.run.choice.decide import Choice, Tried, best_of, compared, hopeless, told

NAMES = ("verifier", "l2rw", "uniform")


def scores(values, noise, seed, rows=200):
    """Scores of three ways, and resamples around them."""
    draw = np.random.default_rng(seed)
    return np.concatenate([[values], np.asarray(values) + draw.normal(size=(rows, 3)) * noise])


def test_one_that_is_better_by_both_is_taken():
    tried = compared(NAMES, "verifier", scores([0.7, 0.9, 0.6], 0.02, 0), scores([0.7, 0.88, 0.6], 0.01, 1), 100)
    assert best_of(tried, "verifier") == "l2rw"
    assert tried["l2rw"].gain == pytest.approx(0.185, abs=0.02)
    assert tried["verifier"].gain == tried["verifier"].error == 0


def test_the_safe_one_is_taken_where_nothing_is_sure():
    tried = compared(NAMES, "verifier", scores([0.7, 0.75, 0.72], 0.1, 0), scores([0.7, 0.71, 0.7], 0.05, 1), 20)
    assert best_of(tried, "verifier") == "verifier"


def test_of_ways_as_good_as_each_other_the_one_that_learns_from_more_is_taken():
    tried = {
        "verifier": Tried(0.8, 0.9),
        "right-and-helpful": Tried(0.92, 0.95, 0.065, 0.037),
        "l2rw": Tried(0.92, 0.95, 0.068, 0.037),
        "uniform": Tried(0.82, 0.88, -0.005, 0.03),
        "checked-only": Tried(0.95, 0.95, 0.075, 0.037),
    }
    assert best_of(tried, "verifier") == "right-and-helpful"
    tried["checked-only"] = Tried(0.99, 0.99, 0.19, 0.037)
    assert best_of(tried, "verifier") == "checked-only"


def test_few_examples_that_agree_by_luck_are_not_believed():
    """Four examples, all resamples alike: no spread to be seen, and still not sure."""
    tried = compared(NAMES, "verifier", scores([0.7, 0.9, 0.7], 0.0, 0), None, 4)
    assert tried["l2rw"].error > 0.2
    assert best_of(tried, "verifier") == "verifier"


def test_many_given_labels_tell_what_few_checked_ones_cannot():
    few = scores([0.70, 0.74, 0.70], 0.06, 0)
    assert best_of(compared(NAMES, "verifier", few, None, 30), "verifier") == "verifier"
    many = scores([0.70, 0.74, 0.70], 0.005, 1)
    assert best_of(compared(NAMES, "verifier", few, many, 30), "verifier") == "l2rw"


def test_given_labels_that_contradict_checked_ones_are_not_believed():
    """Wrong labels that look right praise what learns them by heart."""
    checked = scores([0.8, 0.95, 0.5], 0.02, 0)
    given = scores([0.6, 0.5, 0.9], 0.005, 1)
    tried = compared(NAMES, "verifier", checked, given, 100)
    assert best_of(tried, "verifier") == "l2rw"
    assert tried["uniform"].gain < 0


def test_without_given_labels_the_checked_ones_decide():
    tried = compared(NAMES, "uniform", scores([0.5, 0.9, 0.5], 0.02, 0), None, 200)
    assert math.isnan(tried["l2rw"].given)
    assert best_of(tried, "uniform") == "l2rw"


def test_plain_training_has_to_be_less_sure():
    gains = {"verifier": Tried(0.5, 0.5), "uniform": Tried(0.52, 0.52, 0.02, 0.02), "l2rw": Tried(0.5, 0.5, 0.02, 0.02)}
    assert best_of(gains, "verifier") == "uniform"
    assert best_of({**gains, "uniform": Tried(0.5, 0.5, 0.005, 0.02)}, "verifier") == "verifier"
    assert best_of({**gains, "l2rw": Tried(0.6, 0.6, 0.1, 0.02)}, "verifier") == "l2rw"


def test_what_is_hopeless_is_not_tried_again_and_the_safe_one_always():
    tried = {"verifier": Tried(0.5, 0.5), "l2rw": Tried(0.9, 0.9, 0.4, 0.02), "uniform": Tried(0.4, 0.4, -0.1, 0.02)}
    assert set(hopeless(tried, "verifier")) == {"uniform"}


def test_what_is_told_names_all_of_them_and_how_sure_it_is():
    tried = {"verifier": Tried(0.8, 0.7), "l2rw": Tried(0.9, math.nan, 0.05, 0.01)}
    brief, scores = told(tried, {"uniform": Tried(0.1, 0.2, -0.6, 0.01)}, "l2rw", "verifier", "test_macro_f1", 40)
    assert brief == "5.0 ± 1.0 better than verifier"
    assert scores.startswith("macro F1 on 40 held-back checked examples")
    assert scores.endswith("l2rw 90.0 %; verifier 80.0 % and 70.0 %; uniform 10.0 % and 20.0 %")
    assert told(tried, {}, "verifier", "verifier", "test_macro_f1", 40)[0] == "nothing is better than verifier for sure"


def test_a_choice_stands_in_a_file():
    found = Choice("l2rw", "because", {"l2rw": Tried(0.9, 0.8)}, 100).as_json()
    assert found["rule"] == "l2rw"
    assert found["tried"]["l2rw"] == {"checked": 0.9, "given": 0.8, "gain": 0.0, "error": 0.0}
