"""Inputs on the disk give what the same tensor gives, however they are chosen, joined and asked for."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from reweigh.data import Examples, Loader, stored
from reweigh.data.stored import chosen, joined
from reweigh.data.stored_files import ColumnFiles, RaggedFiles


def table(rows=50, width=4):
    x = torch.from_numpy(np.random.default_rng(rows).normal(size=(rows, width)).astype(np.float32))
    files = ColumnFiles((rows, width))
    for place in range(width):
        files[:, place] = x[:, place].numpy()
    return x, files.stored()


def texts(rows=40, length=6, padding=0):
    x = torch.from_numpy(np.random.default_rng(1).integers(0, 3, (rows, length)))
    x[3], x[4] = padding, 2
    files = RaggedFiles((rows, length), padding)
    for start in range(0, rows, 7):
        files[start : start + 7] = x[start : start + 7].numpy()
    return x, files.stored()


@pytest.mark.parametrize("made", [table, texts, lambda: texts(padding=2), lambda: table(1, 1)])
def test_it_reads_as_the_tensor_does(made):
    x, disk = made()
    assert (len(disk), disk.shape, disk.ndim, disk.dtype) == (len(x), tuple(x.shape), x.ndim, x.dtype)
    assert disk.is_floating_point() == x.is_floating_point()
    rows = torch.randint(len(x), (30,))
    for asked in (rows, slice(None), slice(3, 9), slice(0, 0), torch.empty(0, dtype=torch.int64)):
        assert torch.equal(disk[asked], x[asked])
    for row in (0, len(x) - 1):
        assert torch.equal(disk[row], x[row])
        assert torch.equal(disk[torch.tensor(row)], x[row])


def test_texts_of_nothing_are_padding():
    files = RaggedFiles((3, 2), 5)
    files[0:3] = np.full((3, 2), 5)
    assert files.stored()[:].tolist() == [[5, 5]] * 3


@given(st.data())
def test_choosing_and_joining_are_those_of_tensors(data):
    (x, disk), (y, other) = table(20), table(9)
    for _ in range(data.draw(st.integers(1, 4))):
        what = data.draw(st.sampled_from(["choose", "join disk", "join memory"]))
        if what == "choose":
            rows = torch.tensor(data.draw(st.lists(st.integers(0, len(x) - 1), min_size=1, max_size=30)))
            x, disk = x[rows], chosen(disk, rows)
        else:
            x, disk = torch.cat([x, y]), joined(disk, other if what == "join disk" else y)
    assert torch.equal(disk[:], x)
    assert disk.shape == tuple(x.shape)


def test_tensors_stay_tensors():
    x = torch.arange(6.0).reshape(3, 2)
    assert torch.equal(chosen(x, torch.tensor([2, 0])), x[[2, 0]])
    assert torch.equal(joined(x, x), torch.cat([x, x]))


def test_pages_are_given_back(monkeypatch):
    monkeypatch.setattr(stored, "_HELD", 1)
    x, disk = table(5000, 8)
    assert torch.equal(torch.cat([disk[start : start + 100] for start in range(0, 5000, 100)]), x)


@pytest.mark.parametrize("workers", [0, 2])
def test_examples_on_disk_are_loaded_as_those_in_memory(workers):
    x, disk = table(60)
    y, ids = torch.arange(60) % 2, torch.arange(60) * 3
    one, other = (Examples(inputs, y, ids, ("a", "b")).select(torch.arange(5, 55)) for inputs in (x, disk))
    pairs = zip(Loader(one, 8, seed=2).epoch(0), Loader(other, 8, seed=2, workers=workers).epoch(0), strict=True)
    for memory, from_disk in pairs:
        assert all(torch.equal(memory.batch[name], from_disk.batch[name]) for name in ("x", "y", "id"))
    assert torch.equal(one[7]["x"], other[7]["x"])
