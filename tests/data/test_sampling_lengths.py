"""Batches of examples of about the same length: each example once, in an order that seed and epoch give."""

import torch

from reweigh.data.sampling import WINDOW, batches, by_length, epoch_order


def test_each_row_comes_once_and_batches_hold_neighbours():
    lengths = torch.randint(1, 60, (2000,), generator=torch.Generator().manual_seed(0))
    order = epoch_order(2000, seed=1, epoch=3)
    found = by_length(order, lengths, 16, seed=1, epoch=3)
    assert len(found) == len(batches(order, 16)) == 125
    assert torch.cat(found).sort().values.tolist() == list(range(2000))
    assert max(map(len, found)) <= 16
    spread = [float(lengths[rows].float().std()) for rows in found]
    assert sum(spread) / len(spread) < 2 < float(lengths.float().std()) / 5
    longest = [int(lengths[rows].max()) for rows in found]
    assert longest != sorted(longest)


def test_the_same_again_and_another_epoch():
    lengths = torch.arange(500) % 7
    order = epoch_order(500, seed=2, epoch=0)
    one, same, other = (by_length(order, lengths, 8, seed=2, epoch=epoch) for epoch in (0, 0, 1))
    assert all(torch.equal(a, b) for a, b in zip(one, same, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    assert WINDOW * 8 < 500  # so that there are several windows
