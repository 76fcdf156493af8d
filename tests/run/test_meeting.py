"""Processes that are started again find each other, and not what those before them have left in the store."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch.distributed as dist

from reweigh.run.meeting import of_this_start


def meets(store, count):
    """What each of a start's processes reads where the first one writes, all beginning at once."""

    def process(number):
        ours = of_this_start(store, number, count)
        if number == 0:
            ours.set("address", "of this start")
        return ours.get("address").decode()

    with ThreadPoolExecutor(count) as pool:
        return [one.result(20) for one in [pool.submit(process, number) for number in reversed(range(count))]]


@pytest.mark.parametrize("count", [2, 3])
def test_all_of_a_start_have_one_name(count):
    assert meets(dist.HashStore(), count) == ["of this start"] * count


def test_what_an_earlier_start_left_is_not_read():
    store = dist.HashStore()
    for _ in range(3):
        with ThreadPoolExecutor(2) as pool:
            both = [pool.submit(of_this_start, store, number, 2) for number in (1, 0)]
            first, second = (one.result(20) for one in both)
        assert not first.check(["address"])
        first.set("address", "")
        assert second.check(["address"])


def test_a_process_killed_before_it_was_seen_is_not_waited_for():
    """Its greeting is there, and the one that was started in its place greets anew; so of a first one that only greeted."""
    store = dist.HashStore()
    store.set("reweigh/here/1", "killed")
    store.set("reweigh/ours", "dead killed")
    assert meets(store, 2) == ["of this start"] * 2
