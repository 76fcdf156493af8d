import numpy as np

from reweigh.data.own.hold_out import hold_out


def test_each_class_gives_its_share_and_keeps_one():
    groups = np.array([0] * 50 + [1] * 10 + [2] * 1 + [3] * 2)
    held = hold_out(groups, len(groups), 0.3, seed=0)
    assert [int(held[groups == group].sum()) for group in range(4)] == [15, 3, 0, 1]


def test_the_seed_decides():
    first, again, other = (hold_out(None, 100, 0.3, seed) for seed in (0, 0, 1))
    assert (first == again).all()
    assert (first != other).any()
    assert first.sum() == other.sum() == 30


def test_too_few_are_refused(refused):
    with refused("3 clean examples", "--test"):
        hold_out(None, 3, 0.3, 0)
    with refused("5 clean examples", "two of each class"):
        hold_out(np.arange(5), 5, 0.3, 0)
