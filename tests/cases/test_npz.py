"""Archives of arrays that ended in tracebacks, took gigabytes or were read as what they are not."""

import zipfile

import numpy as np
import pytest
import torch

from reweigh.data.own import Sources, read_own
from reweigh.errors import BadInput

ROWS = 40
X = np.random.default_rng(0).normal(size=(ROWS, 3))


def save(tmp_path, save=np.savez, **arrays):
    whole = {"x": X, "y": np.arange(ROWS) % 2, "clean": np.arange(ROWS) < 14} | arrays
    save(tmp_path / "t.npz", **{name: array for name, array in whole.items() if array is not None})
    return str(tmp_path / "t.npz")


def read(path, **said):
    return read_own(Sources(train=path, **said), seed=0)


@pytest.mark.parametrize(
    ("y", "classes"),
    [
        (np.array([0, 1] * 20, dtype=">i8"), ("0", "1")),
        (np.array([0.0, 1.0] * 20, dtype=">f4"), ("0", "1")),
        (np.array([b"no", b"yes"] * 20), ("no", "yes")),
        (np.array([0, 1] * 20, dtype=np.longdouble), ("0", "1")),
        (np.array([2**62, 2**62 + 1] * 20), (str(2**62), str(2**62 + 1))),
    ],
)
def test_labels_of_every_type(tmp_path, y, classes):
    assert read(save(tmp_path, y=y)).encoding.classes == classes


@pytest.mark.parametrize("kind", [">f8", ">f4", ">i4", "longdouble", "f2"])
def test_inputs_of_every_order_of_bytes(tmp_path, kind):
    x = (X * 20).astype(kind)
    own = read(save(tmp_path, x=np.asfortranarray(x)))
    order = torch.cat([part.ids for part in (own.train, own.clean, own.test)]).argsort()
    found = torch.cat([part.x for part in (own.train, own.clean, own.test)])[order]
    wanted = x.astype(np.float64)
    np.testing.assert_allclose(found, (wanted - wanted.mean(0)) / wanted.std(0), atol=1e-3)


@pytest.mark.parametrize(
    "spoilt",
    [
        {"y": np.ones(ROWS) * 1j},
        {"y": np.zeros(ROWS, dtype=[("a", "f4")])},
        {"y": np.array(["2020"] * ROWS, dtype="M8[Y]")},
        {"clean": np.array(True)},
        {"id": np.zeros(ROWS, dtype="V4"), "y": np.arange(ROWS) % 2},
        {"x": np.where(X > 2, 1e35, X)},
    ],
)
def test_what_cannot_be_learned_from_is_one_sentence(tmp_path, spoilt):
    with pytest.raises(BadInput):
        read(save(tmp_path, **spoilt))


def test_an_archive_that_unpacks_into_a_thousand_times_its_size(tmp_path):
    path = save(tmp_path, np.savez_compressed, x=np.zeros((ROWS, 300_000)))
    with pytest.raises(BadInput, match=r"'x' of .* unpacks into .* times its size"):
        read(path)


def test_arrays_that_nobody_asks_for_are_not_unpacked(tmp_path):
    path = save(tmp_path, np.savez_compressed, more=np.zeros((ROWS, 300_000)), objects=np.array([{}], dtype=object))
    assert len(read(path).train) == ROWS - 14


def test_a_header_is_held_against_what_is_there(tmp_path):
    path = save(tmp_path, x=None)
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (40, 30), }".ljust(117) + b"\n"
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("x.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(ROWS * 8))
    with pytest.raises(BadInput, match=r"cannot be read as a \.npz file"):
        read(path)


@pytest.mark.filterwarnings("ignore")
def test_two_arrays_of_one_name(tmp_path):
    path = save(tmp_path)
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("x.npy", file.read("y.npy"))
    with pytest.raises(BadInput, match="two arrays named 'x'"):
        read(path)


@pytest.mark.parametrize("shape", [(ROWS, 5), (ROWS, 2, 3, 4)])
def test_large_arrays_are_scaled_a_few_rows_at_a_time(tmp_path, shape, monkeypatch):
    x = np.random.default_rng(1).normal(3, 2, shape)
    whole = read(save(tmp_path, x=x)).train.x
    monkeypatch.setattr("reweigh.data.own.arrays.AT_ONCE", 100)
    assert torch.allclose(read(save(tmp_path, x=x)).train.x, whole, atol=1e-5)
