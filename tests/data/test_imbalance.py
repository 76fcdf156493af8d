import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from reweigh.data import long_tail, two_class
from reweigh.data.imbalance import parse_imbalance
from reweigh.errors import BadInput

LABELS = torch.arange(10_000) % 10


def test_two_classes_at_a_ratio():
    rows = two_class(LABELS, majority=9, minority=4, seed=0, total=804, ratio=200)
    assert LABELS[rows].bincount(minlength=10).tolist() == [0, 0, 0, 0, 4, 0, 0, 0, 0, 800]
    assert torch.equal(rows, rows.unique())


def test_two_classes_by_count():
    rows = two_class(LABELS, 9, 4, 0, counts=(970, 20))
    assert LABELS[rows].bincount(minlength=10)[[9, 4]].tolist() == [970, 20]


@given(total=st.integers(2, 900), ratio=st.floats(1, 300))
def test_two_classes_come_as_near_the_ratio_as_whole_numbers_allow(total, ratio):
    few = round(total / (1 + ratio))
    if few < 1:
        return
    counts = LABELS[two_class(LABELS, 1, 2, 0, total=total, ratio=ratio)].bincount(minlength=3)
    assert counts.tolist() == [0, total - few, few]


def test_the_long_tail_is_exponential():
    labels = torch.arange(50_000) % 10
    rows = long_tail(labels, 10, factor=100, seed=0)
    # The sizes of long-tailed CIFAR-10 at factor 100, as commonly printed.
    expected = [5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50]
    assert labels[rows].bincount(minlength=10).tolist() == expected
    assert torch.equal(rows, rows.unique())


def test_rounding_does_not_cost_a_class_an_example():
    labels = torch.arange(6_000) % 6
    assert labels[long_tail(labels, 6, 32, 0)].bincount().tolist() == [1000, 500, 250, 125, 62, 31]


def test_the_long_tail_takes_the_most_that_uneven_classes_allow():
    labels = torch.tensor([0] * 90 + [1] * 300 + [2] * 9)
    assert labels[long_tail(labels, 3, factor=10, seed=0)].bincount().tolist() == [90, 28, 9]
    assert labels[long_tail(labels, 3, factor=1, seed=0)].bincount().tolist() == [9, 9, 9]
    assert labels[long_tail(labels, 3, factor=10, seed=0, largest=20)].bincount().tolist() == [20, 6, 2]


@pytest.mark.usefixtures("untouched_global_rng")
@pytest.mark.parametrize(
    "keep",
    [
        lambda labels, seed: two_class(labels, 0, 1, seed, total=300, ratio=9),
        lambda labels, seed: long_tail(labels, 10, 20, seed),
    ],
)
def test_rows_depend_on_the_seed_alone(keep):
    before = LABELS.clone()
    assert torch.equal(keep(LABELS, 3), keep(LABELS, 3))
    assert not torch.equal(keep(LABELS, 3), keep(LABELS, 4))
    assert torch.equal(LABELS, before)


@pytest.mark.parametrize(
    ("settings", "fragments"),
    [
        ({"total": 100, "ratio": 500}, ("class 4", "without an example")),
        ({"total": 5000, "ratio": 200}, ("class 9 has 1000 examples but 4975",)),
        ({"total": 100, "ratio": 0.5}, ("ratio", "0.5")),
        ({"total": 100, "ratio": float("nan")}, ("ratio", "nan")),
        ({"total": 1, "ratio": 1}, ("total", "at least 2")),
        ({"total": 100}, ("counts=", "ratio=")),
        ({}, ("counts=", "ratio=")),
        ({"total": 100, "counts": (3, 4)}, ("counts=", "ratio=")),
        ({"counts": (10, 0)}, ("class 4", "without an example")),
    ],
)
def test_two_classes_that_cannot_be_are_refused(settings, fragments, refused):
    with refused(*fragments):
        two_class(LABELS, 9, 4, 0, **settings)


def test_one_class_twice_is_refused(refused):
    with refused("class 4 is both"):
        two_class(LABELS, 4, 4, 0, total=10, ratio=1)


@pytest.mark.parametrize(
    ("factor", "largest", "fragments"),
    [
        (0.5, None, ("imbalance factor is 0.5",)),
        (float("inf"), None, ("imbalance factor is inf",)),
        (100, 50, ("class 8", "without an example")),
        (10, 2000, ("class 0 has 1000 examples but 2000",)),
        (10, 0, ("largest class is 0",)),
    ],
)
def test_a_tail_that_cannot_be_is_refused(factor, largest, fragments, refused):
    with refused(*fragments):
        long_tail(LABELS, 10, factor, 0, largest=largest)


def test_the_words_for_an_imbalance():
    assert parse_imbalance("none") is None
    assert parse_imbalance("long-tail:100") == 100
    for wrong in ("long-tail", "long-tail:", "long-tail:nan", "long-tail:inf", "tail:2", ""):
        with pytest.raises(BadInput, match="long-tail:FACTOR"):
            parse_imbalance(wrong)
