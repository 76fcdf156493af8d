"""Batches of examples of the same shape: each once, in an order that seed and epoch give, of one size but the last."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from reweigh.data.sampling import batches, by_shape, epoch_order, steps_an_epoch, whole_size


@given(st.integers(1, 300), st.integers(1, 40), st.integers(0, 5))
def test_each_row_comes_once_in_batches_of_one_size_but_the_last(count, batch_size, epoch):
    order, shapes = epoch_order(count, seed=1, epoch=epoch), torch.arange(count) % 4
    found = by_shape(order, shapes, batch_size, seed=1, epoch=epoch)
    assert len(found) == len(batches(order, batch_size)) == steps_an_epoch(count, batch_size)
    assert torch.cat(found).sort().values.tolist() == list(range(count))
    size = whole_size(count, batch_size)
    assert size <= batch_size
    assert [len(rows) for rows in found[:-1]] == [size] * (len(found) - 1)
    assert 1 <= len(found[-1]) <= size


def test_nearly_every_batch_has_one_shape_and_they_come_mixed():
    shapes = torch.randint(0, 5, (2000,), generator=torch.Generator().manual_seed(0))
    found = by_shape(epoch_order(2000, seed=1, epoch=3), shapes, 16, seed=1, epoch=3)
    kinds = [shapes[rows].unique().tolist() for rows in found]
    assert sum(len(kind) > 1 for kind in kinds) <= 4  # one where each ends
    first = [kind[0] for kind in kinds]
    assert first != sorted(first)


def test_what_is_left_is_of_any_shape():
    """Short batches make steps of full length: it must not be the longest examples that have them."""
    shapes = torch.arange(101) // 26
    last = [by_shape(epoch_order(101, seed=0, epoch=e), shapes, 20, seed=0, epoch=e)[-1] for e in range(60)]
    counts = shapes[torch.cat(last)].bincount(minlength=4)
    assert counts.min() > 0.1 * counts.sum()


def test_the_same_again_and_another_epoch():
    shapes, order = torch.arange(500) % 7, epoch_order(500, seed=2, epoch=0)
    one, same, other = (by_shape(order, shapes, 8, seed=2, epoch=epoch) for epoch in (0, 0, 1))
    assert all(torch.equal(a, b) for a, b in zip(one, same, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_rows_that_are_drawn_more_than_once_stay_so():
    drawn = torch.tensor([3, 3, 3, 1, 0, 0, 2])
    found = by_shape(drawn, torch.tensor([0, 1, 1, 0]), 3, seed=0, epoch=0)
    assert torch.cat(found).sort().values.tolist() == sorted(drawn.tolist())


@pytest.mark.parametrize(("count", "batch_size", "size"), [(10, 4, 4), (9, 2, 2), (101, 20, 17), (5, 8, 5)])
def test_the_size_leaves_as_many_batches_as_there_would_be(count, batch_size, size):
    assert whole_size(count, batch_size) == size
