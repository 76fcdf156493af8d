"""Two ranks equal one rank with both batches."""

import laws
from zoo import named


def test_two_ranks_equal_one_rank_with_both_batches():
    """All engines in one pair of processes: starting these is what takes the time."""
    laws.two_ranks_are_one(named("mlp", "lenet"), laws.ENGINES)
