"""What runs on two ranks comes back, says what went wrong, and ends."""

import time

import pytest
import torch
from torch import distributed

import two_ranks
from two_ranks import on_two_ranks


def each(rank, more):
    total = torch.tensor(float(rank + more))
    distributed.all_reduce(total)
    return rank, total


def stumbles(rank):
    if rank == 1:
        raise RuntimeError("rank 1 has nothing")
    distributed.barrier()


def sleeps(rank):
    time.sleep(600)


def test_both_are_asked_in_one_group():
    assert on_two_ranks(each, 2) == [(0, 5.0), (1, 5.0)]


def test_an_error_of_one_is_raised():
    with pytest.raises(Exception, match="rank 1 has nothing"):
        on_two_ranks(stumbles)


def test_nobody_hangs(monkeypatch):
    monkeypatch.setattr(two_ranks, "SECONDS", 4.0)
    begun = time.monotonic()
    with pytest.raises(pytest.fail.Exception, match="have been running for 4 seconds"):
        on_two_ranks(sleeps)
    assert time.monotonic() - begun < 60
