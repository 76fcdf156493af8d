"""Batches in a row that teach nothing are said once."""

import warnings

import pytest

from reweigh.weightless import Weightless


def heard(watch, *seen):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for why in seen:
            watch.see(why)
    return [str(w.message) for w in caught]


@pytest.mark.parametrize(
    ("seen", "times"), [(["flat"] * 2, 0), (["flat"] * 9, 1), (["flat", "flat", "", "flat", "flat"], 0)]
)
def test_three_in_a_row(seen, times):
    assert len(heard(Weightless(), *seen)) == times


def test_the_state_is_taken_up():
    one, other = Weightless(), Weightless()
    heard(one, "flat", "flat")
    other.load_state_dict(one.state_dict())
    assert heard(other, "flat") == ["for 3 batches in a row flat"]
    again = Weightless()
    again.load_state_dict(other.state_dict())
    assert heard(again, "flat", "", "flat", "flat", "flat") == []
