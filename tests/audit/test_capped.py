"""Weights for other learners: mean 1, none too large, and in the same order."""

import numpy as np
import pytest

from reweigh.audit.quality import MOST, capped


@pytest.mark.parametrize("draw", ["random", "pareto", "standard_exponential"])
def test_the_mean_is_one_and_none_is_too_large(draw):
    generator = np.random.default_rng(0)
    weights = generator.pareto(0.8, 1000) if draw == "pareto" else getattr(generator, draw)(1000)
    weights[::3] = 0
    found = capped(weights)
    assert found.mean() == pytest.approx(1)
    assert found.max() <= MOST + 1e-9
    assert (found[::3] == 0).all()
    assert (np.diff(found[np.argsort(weights)]) >= -1e-12).all()
    free = (found < MOST - 1e-9) & (weights > 0)
    assert np.ptp(found[free] / weights[free]) < 1e-6 * (found[free] / weights[free]).max()  # in proportion


def test_a_cap_that_nothing_reaches_only_scales():
    weights = np.array([1.0, 2.0, 3.0])
    assert capped(weights) == pytest.approx(weights / 2)


def test_where_few_have_any_weight_they_have_it_alike():
    assert capped(np.array([0.3, 2.0] + 18 * [0.0]))[:3].tolist() == [10, 10, 0]
    assert capped(np.zeros(4)).tolist() == [1, 1, 1, 1]
