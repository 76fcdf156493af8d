"""The learning rate over time is a function of the step alone."""

from itertools import pairwise

import pytest

from reweigh.settings.schedule import SCHEDULES, learning_rate


def test_a_warm_up_rises_to_the_base_and_then_each_goes_its_way():
    for kind in SCHEDULES:
        rates = [learning_rate(kind, 0.5, step, 100, 20) for step in range(100)]
        assert rates[:20] == pytest.approx([0.5 * (step + 1) / 20 for step in range(20)])
        assert max(rates) == pytest.approx(0.5)
        assert all(later <= earlier + 1e-12 for earlier, later in pairwise(rates[20:]))
    assert learning_rate("cosine", 1.0, 60, 100, 20) == pytest.approx(0.5)
    assert learning_rate("step", 1.0, 60, 100, 20) == pytest.approx(0.1)
    assert learning_rate("inverse-sqrt", 1.0, 79, 100, 20) == pytest.approx(0.5)  # four times as many steps


def test_without_a_warm_up_nothing_has_changed():
    assert [learning_rate("cosine", 1.0, step, 4) for step in range(4)] == pytest.approx([1, 0.8535534, 0.5, 0.1464466])
    assert [learning_rate("step", 1.0, step, 4) for step in range(4)] == [1.0, 1.0, 0.1, 0.01]
    assert learning_rate("constant", 0.3, 3, 4) == 0.3


def test_a_warm_up_longer_than_the_run_never_divides_by_zero():
    assert learning_rate("cosine", 1.0, 4, 5, 100) == pytest.approx(0.05)
