import json

import numpy as np
import pytest
import torch

from reweigh.data.own import Encoding, Sources, read_new, read_own


def test_a_file_of_its_own_with_a_mask(desk):
    x = np.random.default_rng(0).normal([5, 0], [2, 1], (40, 2))
    own = read_own(Sources(train=desk.arrays(x=x)), seed=0)
    assert [len(part) for part in (own.train, own.clean, own.test)] == [28, 8, 4]
    whole = torch.cat([own.train.x, own.clean.x, own.test.x])
    assert whole.dtype == torch.float32
    np.testing.assert_allclose(whole.mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(whole.std(0, correction=0), 1, atol=1e-5)


@pytest.mark.parametrize("shape", [(40, 3, 8, 8), (40, 8, 8, 3)])
def test_images_of_bytes_stay_bytes_with_channels_first(desk, shape):
    x = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    own = read_own(Sources(train=desk.arrays(x=x)), seed=0)
    assert own.encoding.input_shape == (3, 8, 8)
    expected = x[20] if shape[1] == 3 else x[20].transpose(2, 0, 1)
    np.testing.assert_array_equal(own.train.x[8].numpy(), expected)


def test_names_targets_and_a_clean_file(desk):
    train = desk.arrays(y=None, clean=None, target=np.arange(40) / 7, name=np.array([f"p{row}" for row in range(40)]))
    clean = desk.arrays("clean.npz", 10, y=None, target=np.arange(10) / 3)
    own = read_own(Sources(train=train, clean=clean, id_column="name", target="target"), seed=0)
    assert (own.train.task.name, own.names[3]) == ("regression", "p3")


def test_a_table_of_zeros_and_ones_is_several_labels(desk):
    y = np.arange(120).reshape(40, 3) % 2
    own = read_own(Sources(train=desk.arrays(y=y)), seed=0)
    assert (own.train.task.name, own.encoding.classes) == ("multi-label", ("y 0", "y 1", "y 2"))
    np.testing.assert_array_equal(own.train.y.numpy(), y[12:])


def test_new_arrays(desk):
    own = read_own(Sources(train=desk.arrays()), seed=0)
    encoding = Encoding.from_json(json.loads(json.dumps(own.encoding.as_json())), "encoding.json")
    new = read_new(desk.path("train.npz"), encoding)
    assert torch.equal(new.x[own.train.ids], own.train.x)
    assert torch.equal(new.y[own.train.ids], own.train.y)
    np.savez(desk.path("bare.npz"), x=np.zeros((2, 3)))
    assert read_new(desk.path("bare.npz"), encoding).y is None


def test_images_within_zero_and_one_are_left_as_they_are(desk):
    x = np.random.default_rng(0).random((40, 1, 4, 4)).astype(np.float32)
    own = read_own(Sources(train=desk.arrays(x=x)), seed=0)
    np.testing.assert_array_equal(own.train.x.numpy(), x[12:])
