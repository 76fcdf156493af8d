import sys

import pytest
import torch
from sklearn import datasets

from reweigh.data.digits import load_digits
from reweigh.errors import MissingExtra


def test_every_image_is_in_one_part_under_its_row_number():
    raw, (train, test) = datasets.load_digits(), load_digits()
    assert torch.cat([train.ids, test.ids]).sort().values.tolist() == list(range(1797))
    for part in (train, test):
        assert torch.equal(part.y, torch.as_tensor(raw.target)[part.ids])
        assert torch.equal(part.x, torch.as_tensor(raw.images[part.ids.numpy()] / 16).float().unsqueeze(1))


def test_images_are_scaled_and_the_split_is_stratified_and_fixed():
    train, test = load_digits()
    assert (train.x.shape, test.x.shape) == ((1442, 1, 8, 8), (355, 1, 8, 8))
    assert (float(train.x.min()), float(train.x.max())) == (0.0, 1.0)
    in_test = test.y.bincount() / (train.y.bincount() + test.y.bincount())
    assert ((in_test > 0.19) & (in_test <= 0.2)).all()
    # The fifth image of class 0 and of class 1 in scikit-learn's order: nothing may move them.
    assert [int(test.ids[test.y == label][0]) for label in (0, 1)] == [36, 47]


def test_without_scikit_learn_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, refused):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with refused("reweigh[cli]", error=MissingExtra):
        load_digits()
