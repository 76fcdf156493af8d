"""The clean stream: endless, reshuffled each epoch, resumed to the same batches, and without a trace in the generators."""

import random

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, TensorDataset

from reweigh.clean_stream import clean_stream
from reweigh.errors import BadInput

ROWS = torch.arange(10)


class Rows(Dataset):
    def __len__(self):
        return len(ROWS)

    def __getitem__(self, index):
        return {"x": ROWS[index] * 10, "y": ROWS[index]}


class WholeBatches(Rows):
    """As reweigh's own data sets: they hand out a batch for a tensor of rows."""

    def __getitem__(self, index):
        raise AssertionError("rows must be asked for together")

    def batch(self, rows):
        return {"x": ROWS[rows] * 10, "y": ROWS[rows]}


def loader(**options):
    return DataLoader(Rows(), batch_size=4, **options)


class ShuffledAtOnce:
    """Draws its order, by all three generators, when it is gone through, not when the first batch is pulled."""

    def __iter__(self):
        order = [int(torch.randint(10, ())), int(np.random.randint(10)), random.randrange(10)]
        rows = torch.randperm(10).roll(sum(order))
        return iter([{"x": part * 10, "y": part} for part in rows.split(4)])


def noisy_batches():
    """Batches augmented at random as they are drawn."""

    class Noisy(Rows):
        def __getitem__(self, index):
            noise = torch.rand(()), torch.tensor(np.random.rand()), torch.tensor(random.random())
            return super().__getitem__(index) | {"noise": torch.stack([t.double() for t in noise])}

    return DataLoader(Noisy(), batch_size=4, shuffle=True)


INDEXED = {
    "dict": lambda: {"x": ROWS * 10, "y": ROWS},
    "tuple": lambda: (ROWS * 10, ROWS),
    "data set": Rows,
    "tensor data set": lambda: TensorDataset(ROWS * 10, ROWS),
    "whole batches": WholeBatches,
}
BATCHES = {
    "list": lambda: [{"x": part * 10, "y": part} for part in ROWS.split(4)],
    "loader": loader,
    "shuffling loader": lambda: loader(shuffle=True),
    "shuffling loader with generator": lambda: loader(shuffle=True, generator=torch.Generator().manual_seed(1)),
    "noisy loader": noisy_batches,
    "shuffled at once": ShuffledAtOnce,
    "sampler": lambda: loader(sampler=torch.utils.data.WeightedRandomSampler(torch.ones(10), 10)),
}
SHUFFLED = [name for name in BATCHES if name not in ("list", "loader")]


def stream_of(name, **options):
    if name in INDEXED:
        return clean_stream(INDEXED[name](), **{"batch_size": 4, **options})
    return clean_stream(BATCHES[name](), **options)


def rows_of(batch):
    return (batch["y"] if isinstance(batch, dict) else batch[1]).tolist()


def taken(stream, count):
    return [stream.next() for _ in range(count)]


def assert_same(found, expected):
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


@pytest.mark.parametrize("name", INDEXED)
def test_an_indexed_source_fills_every_batch_and_sees_each_row_once_an_epoch(name):
    batches = taken(stream_of(name), 15)
    rows = [rows_of(batch) for batch in batches]
    assert all(len(r) == 4 for r in rows)
    flat = [row for batch in rows for row in batch]
    epochs = [flat[start : start + 10] for start in range(0, 60, 10)]
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 6  # each in another order
    for batch in batches:
        x, y = batch.values() if isinstance(batch, dict) else batch
        assert torch.equal(x, y * 10)


def test_the_default_batch_is_the_whole_of_a_small_clean_set_and_100_of_a_large_one():
    assert sorted(rows_of(clean_stream({"y": ROWS}).next())) == list(range(10))
    assert len(clean_stream({"y": torch.arange(250)}).next()["y"]) == 100
    assert len(clean_stream({"y": ROWS}, batch_size=64).next()["y"]) == 10


@pytest.mark.parametrize("name", BATCHES)
def test_a_source_of_batches_starts_over_without_end(name):
    rows = [rows_of(batch) for batch in taken(stream_of(name), 9)]
    assert [len(r) for r in rows] == [4, 4, 2] * 3
    if name != "sampler":
        assert all(sorted(r for part in rows[i : i + 3] for r in part) == list(range(10)) for i in (0, 3, 6))
    if name in SHUFFLED:
        assert len({str(rows[i : i + 3]) for i in (0, 3, 6)}) == 3


@pytest.mark.parametrize("stop", [0, 1, 2, 3, 4, 5, 8])
@pytest.mark.parametrize("name", [*INDEXED, *BATCHES])
def test_resumed_it_gives_the_same_batches(name, stop):
    stream = stream_of(name, seed=3)
    taken(stream, stop)
    state = stream.state_dict()
    expected = taken(stream, 8)
    torch.manual_seed(99)  # the user's seed has no say
    other = stream_of(name, seed=4)
    taken(other, 2)
    other.load_state_dict(state)
    assert other.state_dict() == state
    assert_same(taken(other, 8), expected)


@pytest.mark.parametrize("name", [*INDEXED, *SHUFFLED])
def test_the_order_is_a_function_of_the_seed(name):
    torch.manual_seed(1)
    one = taken(stream_of(name, seed=3), 6)
    torch.manual_seed(2)
    assert_same(taken(stream_of(name, seed=3), 6), one)
    assert [rows_of(b) for b in taken(stream_of(name, seed=4), 6)] != [rows_of(b) for b in one]


@pytest.mark.parametrize("name", INDEXED)
def test_the_batches_of_all_ranks_are_parts_of_one(name):
    parts = [[rows_of(b) for b in taken(stream_of(name, batch_size=2, ranks=(rank, 2)), 5)] for rank in range(2)]
    whole = [rows_of(b) for b in taken(stream_of(name, batch_size=4), 5)]
    assert [one + other for one, other in zip(*parts, strict=True)] == whole


@pytest.mark.parametrize("name", BATCHES)
def test_batches_as_they_come_are_the_same_on_all_ranks(name):
    ranks = [taken(stream_of(name, ranks=(rank, 2)), 5) for rank in range(2)]
    assert_same(*ranks)


@pytest.mark.parametrize(
    ("rows", "size", "ranks", "each"),
    [(10, 100, 2, 5), (9, 100, 2, 9), (9, 6, 2, 4), (3, 1, 4, 1), (2, 2, 3, 2), (150, 100, 4, 37)],
)
def test_parts_are_of_one_size_or_all_ranks_take_the_whole(rows, size, ranks, each):
    parts = [
        clean_stream({"y": torch.arange(rows)}, batch_size=size, ranks=(r, ranks)).next()["y"] for r in range(ranks)
    ]
    assert [len(part) for part in parts] == [each] * ranks
    shared = len(torch.cat(parts).unique()) > each
    assert shared == (each * ranks <= rows)


def test_a_state_serves_every_rank_and_another_number_of_them():
    streams = [clean_stream({"y": ROWS}, batch_size=2, seed=5, ranks=(rank, 2)) for rank in range(2)]
    states = [(taken(stream, 3), stream.state_dict())[1] for stream in streams]
    assert states[0] == states[1]
    whole = clean_stream({"y": ROWS}, batch_size=4)
    whole.load_state_dict(states[0])
    assert rows_of(whole.next()) == [row for stream in streams for row in rows_of(stream.next())]


def test_a_loader_prepared_for_ranks_hands_out_parts_of_one_order():
    """As Accelerate makes it: a batch sampler of a rank's part around a sampler that draws by a generator of its own."""
    accelerate = pytest.importorskip("accelerate")
    loaders = [
        accelerate.data_loader.prepare_data_loader(loader(shuffle=True), num_processes=2, process_index=rank)
        for rank in range(2)
    ]
    epochs = [[row for b in taken(clean_stream(one), 4) for row in rows_of(b)] for one in loaders]
    first = [part[: len(part) // 2] for part in epochs]
    assert set(first[0] + first[1]) == set(range(10))


@pytest.mark.parametrize("name", [*INDEXED, *BATCHES])
def test_the_global_generators_are_left_alone(name):
    states = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    stream = stream_of(name)
    taken(stream, 7)
    stream.load_state_dict(stream.state_dict())
    taken(stream, 1)
    assert torch.equal(torch.get_rng_state(), states[0])
    assert np.array_equal(np.random.get_state()[1], states[1])
    assert random.getstate() == states[2]


def test_augmentation_draws_anew_for_each_batch():
    noise = torch.cat([batch["noise"] for batch in taken(stream_of("noisy loader"), 9)])
    assert all(len(column.unique()) == len(noise) for column in noise.T)


def test_a_distributed_sampler_is_told_the_epoch():
    sampler = torch.utils.data.DistributedSampler(Rows(), num_replicas=2, rank=0)
    stream = clean_stream(loader(sampler=sampler))
    taken(stream, 2)
    assert sampler.epoch == 0
    taken(stream, 1)
    assert sampler.epoch == 1


def test_a_stream_is_taken_as_it_is():
    stream = clean_stream({"y": ROWS})
    assert clean_stream(stream) is stream


@pytest.mark.parametrize("source", [[], {"y": torch.zeros(0)}, (torch.zeros(0),), TensorDataset(torch.zeros(0))])
def test_an_empty_source_is_refused(source):
    with pytest.raises(BadInput, match="empty"):
        clean_stream(source).next()


def test_an_iterable_that_is_empty_the_second_time_is_refused():
    class Once:
        passes = 0

        def __iter__(self):
            self.passes += 1
            return iter([ROWS] if self.passes == 1 else [])

    stream = clean_stream(Once())
    stream.next()
    with pytest.raises(BadInput, match="empty"):
        taken(stream, 2)


@pytest.mark.parametrize("source", [iter([1]), (x for x in [1]), 7, None])
def test_what_can_be_gone_through_only_once_or_not_at_all_is_refused(source):
    with pytest.raises(BadInput, match=f"clean= is a {type(source).__name__}"):
        clean_stream(source)


@pytest.mark.parametrize("source", [{"x": ROWS, "y": ROWS[:3]}, (ROWS, ROWS[:3])])
def test_rows_that_do_not_match_are_refused(source):
    with pytest.raises(BadInput, match=r"\[3, 10\] rows"):
        clean_stream(source)


@pytest.mark.parametrize("source", [{}, {"x": [1, 2]}, {"x": torch.tensor(1.0)}, (), (torch.tensor(1.0),)])
def test_dicts_and_tuples_without_rows_are_refused(source):
    with pytest.raises(BadInput, match="one row an example"):
        clean_stream(source)


def test_batch_sizes_that_cannot_be():
    with pytest.raises(BadInput, match="is 0"):
        clean_stream({"y": ROWS}, batch_size=0)
    with pytest.raises(BadInput, match="is -1"):
        clean_stream({"y": ROWS}, batch_size=-1)
    with pytest.raises(BadInput, match="whole batches"):
        clean_stream([ROWS], batch_size=4)


def test_a_checkpoint_of_another_clean_set_is_refused():
    state = clean_stream({"y": ROWS}).state_dict()
    with pytest.raises(BadInput, match="has 3 examples but the checkpoint was made with 10"):
        clean_stream({"y": ROWS[:3]}).load_state_dict(state)
    stream = clean_stream([ROWS] * 5)
    taken(stream, 4)
    with pytest.raises(BadInput, match="yields only 2 batches but the checkpoint stands after 4"):
        clean_stream([ROWS] * 2).load_state_dict(stream.state_dict())
