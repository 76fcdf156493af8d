"""What checks cost, told from timed steps."""

import itertools

import pytest
from benchmarks.check_cost import Cost, measure, told
from benchmarks.tasks import Task

from benchmarks import check_cost


def test_nine_brief_checks_and_a_thorough_one_of_a_thousand_steps():
    assert Cost(step=2.0, thorough=6.0, brief=1.0).share == pytest.approx((6 + 9 * 1) / 2000)


def test_a_row_tells_medians_in_steps_and_the_spread():
    rounds = [Cost(0.1, 0.3, 0.05), Cost(0.2, 0.8, 0.2), Cost(0.4, 0.9, 0.2)]
    assert told(rounds) == "200 ms | 4.00 steps | 1.00 steps | 0.75% (0.68% to 1.30%)"


def test_steps_with_a_check_are_told_from_the_others(monkeypatch):
    """By a clock where a step takes 1 s, the first one 4 s more, the steps 2, 4 and 8 half a second more."""
    spent = [5.0 if k == 1 else 1.5 if k in (2, 4, 8) else 1.0 for k in range(1, 10)]
    ticks = itertools.chain([0.0], itertools.accumulate(spent))
    pairs = itertools.pairwise(ticks)
    monkeypatch.setattr(check_cost.time, "process_time", itertools.chain.from_iterable(pairs).__next__)
    assert measure(Task("lenet", 4, 4), 9) == Cost(1.0, 4.0, 0.5)
