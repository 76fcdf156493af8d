"""One clear sentence each, and always a ValueError, as scikit-learn's users expect."""

import numpy as np
import pytest
import torch

from reweigh import ReweighClassifier
from reweigh.errors import BadInput


def _mask(*rows):
    return np.isin(np.arange(600), rows)


@pytest.mark.parametrize(
    ("clean", "sentence"),
    [
        (np.zeros(600, bool), "names no row"),
        ([], "names no row"),
        (np.ones(599, bool), "a mask of 599 entries, but X has 600 rows"),
        ([1, 600], "names row 600, but the rows of X are numbered 0 to 599"),
        ([-1], "names row -1"),
        ([4, 4], "names row 4 more than once"),
        (np.r_[np.ones(45, int), np.zeros(555, int)], "or give a mask of booleans"),
        ([0.5, 1.0], "has shape .2,. and type float64"),
        ("checked", "give a boolean mask of 600 entries"),
        (np.ones((600, 1), bool), "has shape .600, 1."),
        (_mask(0), "has no row of class"),
        (np.ones(600, bool), "every row of X is in the clean set"),
    ],
)
def test_clean_rows(labelled, clean, sentence):
    with pytest.raises(BadInput, match=sentence):
        ReweighClassifier(epochs=1).fit(labelled.X, labelled.y, clean=clean)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"epochs": 0}, "epochs=0"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"lr": 0.0}, "lr=0.0"),
        ({"clean_fraction": 1.0}, "clean_fraction=1.0"),
        ({"optimizer": "lion"}, "optimizer='lion' is not known"),
        ({"optimizer": 3}, "optimizer= is 3"),
        ({"rule": "l2"}, "rule='l2' is not known: choose one of l2rw"),
        ({"module": "resnet"}, "module= is 'resnet'"),
        ({"module": lambda features, classes: None}, "module= made a NoneType"),
        ({"module": torch.nn.Linear(12, 2)}, "makes .2, 2. of 2 rows: it must make a tensor of shape .2, 3."),
        ({"device": "abacus"}, "device='abacus' cannot be used"),
        ({"engine": "steam"}, "steam"),
    ],
)
def test_settings(labelled, settings, sentence):
    with pytest.raises(BadInput, match=sentence):
        ReweighClassifier(**{"epochs": 1} | settings).fit(labelled.X, labelled.y, clean=labelled.clean)


def test_a_clean_set_apart(labelled):
    X, y = labelled.X, labelled.y

    def fit(**clean):
        ReweighClassifier(epochs=1).fit(X, y, **clean)

    with pytest.raises(BadInput, match="y_clean is missing"):
        fit(X_clean=X)
    with pytest.raises(BadInput, match="X_clean is missing"):
        fit(y_clean=y)
    with pytest.raises(BadInput, match="given twice"):
        fit(X_clean=X, y_clean=y, clean=[1])
    with pytest.raises(BadInput, match="y_clean holds the class 9, which y has not: the classes of y are 0, 1, 2"):
        fit(X_clean=X[:2], y_clean=[0, 9])
    with pytest.raises(BadInput, match="has no row of class 2,"):
        fit(X_clean=X[:2], y_clean=[0, 1])
    with pytest.raises(ValueError, match="X has 3 features, but ReweighClassifier is expecting 12"):
        fit(X_clean=X[:5, :3], y_clean=y[:5])
    with pytest.raises(ValueError, match="NaN"):
        fit(X_clean=np.where(np.arange(12) == 3, np.nan, X[:5]), y_clean=y[:5])
    with pytest.raises(ValueError, match="0 sample"):
        fit(X_clean=X[:0], y_clean=y[:0])


def test_a_single_class(labelled):
    with pytest.raises(BadInput, match="y holds one class only, 0"):
        ReweighClassifier().fit(labelled.X, np.zeros(600))
