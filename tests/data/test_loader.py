"""The loader's promises: the order of the seed, every row once over all ranks, and the same however it is loaded."""

import os
import signal

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from reweigh.data import Examples, Loader
from reweigh.data.sampling import batches, epoch_order
from reweigh.errors import BadInput, ReweighError
from small_sources import Texts


def numbered(count):
    x = torch.arange(count * 2, dtype=torch.float32).reshape(count, 2)
    return Examples(x, torch.arange(count) % 2, torch.arange(count) + 100, ("a", "b"))


def rows_of(loader, epoch, **said):
    return [rows.tolist() for rows, *_ in loader.epoch(epoch, **said)]


def test_an_epoch_has_the_batches_of_its_order():
    source = numbered(23)
    expected = batches(epoch_order(23, seed=4, epoch=1), 5)
    found = list(Loader(source, 5, seed=4).epoch(1))
    assert len(found) == len(expected) == 5
    for portion, rows in zip(found, expected, strict=True):
        assert torch.equal(portion.rows, rows)
        assert torch.equal(portion.batch["x"], source.x[rows])
        assert torch.equal(portion.batch["id"], rows + 100)
        assert portion.shares == (len(rows),)


def test_at_most_so_many_batches_and_rows_by_their_sampling_weights():
    loader = Loader(numbered(20), 5, seed=0)
    assert len(rows_of(loader, 0, most=2)) == 2
    drawn = [row for rows in rows_of(loader, 1, sampling=torch.tensor([0.0, 1.0] + [0.0] * 18)) for row in rows]
    assert drawn == [1] * 20


@given(st.integers(1, 4), st.integers(1, 200), st.integers(1, 40))
def test_ranks_share_each_batch_and_no_row_comes_twice(size, count, batch_size):
    source = numbered(count)
    smallest = count // -(-count // batch_size)
    if smallest < size:
        with pytest.raises(BadInput, match=f"are too small for {size} processes"):
            Loader(source, batch_size, seed=3, size=size)
        return
    ranks = [list(Loader(source, batch_size, seed=3, rank=rank, size=size).epoch(0)) for rank in range(size)]
    whole = batches(epoch_order(count, seed=3, epoch=0), batch_size)
    for step, rows in enumerate(whole):
        parts = [rank[step] for rank in ranks]
        assert torch.equal(torch.cat([part.rows for part in parts]), rows)
        assert {part.shares for part in parts} == {tuple(len(part.rows) for part in parts)}
        assert max(parts[0].shares) - min(parts[0].shares) <= 1
        assert min(parts[0].shares) >= 1


@pytest.mark.parametrize("workers", [0, 2])
def test_a_loader_goes_on_in_the_middle_of_an_epoch(workers):
    one = Loader(numbered(30), 4, seed=1, workers=workers)
    whole = rows_of(one, 2)
    begun = one.epoch(2)
    first = [next(begun)[0].tolist() for _ in range(3)]
    state = one.state_dict()  # its workers may be further
    assert state["done"] == 3
    other = Loader(numbered(30), 4, seed=1, workers=workers)
    other.load_state_dict(state)
    assert first + rows_of(other, 2) == whole
    assert rows_of(other, 3) == rows_of(one, 3)
    assert other.state_dict() == {"epoch": 4, "done": 0, "seed": 1, "length": 30, "batch_size": 4}


@pytest.mark.parametrize(
    ("name", "said"), [("length", "a length of 9"), ("seed", "a seed of 9"), ("batch_size", "a batch")]
)
def test_a_state_of_other_data_is_refused(name, said):
    loader = Loader(numbered(8), 4, seed=1)
    with pytest.raises(BadInput, match=said):
        loader.load_state_dict(loader.state_dict() | {name: 9})


def test_workers_load_the_same_and_the_global_generator_is_left_alone():
    source = numbered(40)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    alone, helped = (list(Loader(source, 7, seed=0, workers=workers).epoch(0)) for workers in (0, 2))
    assert torch.equal(torch.get_rng_state(), before)
    for one, other in zip(alone, helped, strict=True):
        assert torch.equal(one.rows, other.rows)
        assert all(torch.equal(one.batch[name], other.batch[name]) for name in ("x", "y", "id"))


@pytest.mark.parametrize("workers", [0, 1])
def test_examples_of_any_length_are_collated_by_the_task(workers):
    (portion,) = Loader(Texts(), 3, seed=0, workers=workers).epoch(0)
    assert portion.batch["x"].shape == (3, 4)
    assert portion.batch["id"].tolist() == [[10, 20, 30][row] for row in portion.rows.tolist()]


class Refusing(Examples):
    def batch(self, rows):
        raise BadInput("the shelf is empty: fill it")


class Dying(Examples):
    def batch(self, rows):
        os.kill(os.getpid(), signal.SIGKILL)


def of(kind):
    return kind(torch.zeros(4, 1), torch.tensor([0, 1, 0, 1]), torch.arange(4), ("a", "b"))


@pytest.mark.parametrize("workers", [0, 1])
def test_a_mistake_reaches_the_user_as_it_was_said(workers):
    with pytest.raises(BadInput) as mistake:
        list(Loader(of(Refusing), 2, seed=0, workers=workers).epoch(0))
    assert str(mistake.value) == "the shelf is empty: fill it"


def test_a_worker_that_dies_is_a_sentence():
    with pytest.raises(ReweighError, match="ended from outside"):
        list(Loader(of(Dying), 2, seed=0, workers=1).epoch(0))


def test_workers_below_none_are_refused():
    with pytest.raises(BadInput, match="workers is -1"):
        Loader(numbered(4), 2, seed=0, workers=-1)
