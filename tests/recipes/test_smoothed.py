"""The recipe's table: the right columns, and memory and sigmoid rank better than L2RW."""

import pytest

import smoothed


@pytest.mark.slow
def test_the_sigmoid_of_means_ranks_better_than_l2rw():
    rows = smoothed.measure(1, steps=300, noises=("pair:0.4",))
    by_rule = {row[0]: row[1:] for row in rows[1:]}
    ranked = {name: float(cells[1].split()[0]) for name, cells in by_rule.items() if cells[1]}
    assert "plain training" not in ranked
    assert ranked["averaged, sigmoid"] > ranked["L2RW"] + 1
