"""The sentence says what the numbers do, and no more."""

import math

import pytest

from reweigh.verdict import Difference, Rival, Verdict
from reweigh.verdict.verdict import rounded


def verdict(*gaps, measure="test_macro_f1", examples="checked", count=100):
    words = ("plain training on all rows", "boosted trees", "the checked rows alone")
    rivals = [
        Rival(name, 0.9 - value, Difference(value, margin, count))
        for name, (value, margin) in zip(words, gaps, strict=False)
    ]
    return Verdict(measure, 0.9, tuple(sorted(rivals, key=lambda rival: -rival.score)), examples)


def test_it_helps_where_it_beats_each_of_them():
    found = verdict((0.021, 0.009), (0.05, 0.02))
    assert found.helps is True
    assert found.sentence == "helps: +2.1 ± 0.9 points of macro F1 over the best other, plain training on all rows"


def test_the_least_sure_rival_decides():
    found = verdict((0.021, 0.03), (0.05, 0.02))
    assert found.helps is None


def test_it_does_not_help_where_one_is_better():
    found = verdict((0.05, 0.02), (-0.03, 0.012))
    assert found.helps is False
    assert found.sentence == "does not help: use boosted trees, 3.0 ± 1.2 points of macro F1 better"


def test_too_few_examples():
    found = verdict((0.02, 0.06), count=12)
    assert found.helps is None
    assert found.sentence == (
        "cannot tell with 12 checked examples (+2.0 ± 6.0 points of macro F1 over plain training on all rows); "
        "about 96 more would"
    )


def test_no_number_of_examples_would_tell_equals_apart():
    assert verdict((0.0, 0.06)).sentence.startswith("makes no difference to be seen with 100 checked examples: +0.0")
    assert verdict((0.001, 0.06)).sentence.startswith("makes no difference to be seen")


def test_a_score_that_is_no_share():
    found = verdict((0.021, 0.009), measure="test_r2", examples="test")
    assert found.sentence == "helps: +0.021 ± 0.009 of R² over the best other, plain training on all rows"


def test_where_nothing_can_be_said_no_number_is_named():
    assert "inf" not in verdict((0.1, math.inf), count=1).sentence


def test_there_and_back():
    found = verdict((0.02, 0.06), (0.1, math.inf))
    content = found.as_json()
    for rival in content["rivals"]:  # as the file has it
        if rival["difference"]["margin"] == math.inf:
            rival["difference"]["margin"] = None
    assert Verdict.from_json(content) == found
    assert content["sentence"] == found.sentence


@pytest.mark.parametrize(("count", "asked"), [(7, 7), (60, 60), (96, 96), (101, 110), (1234, 1300)])
def test_examples_are_asked_for_in_round_numbers(count, asked):
    assert rounded(count) == asked
