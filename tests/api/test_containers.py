"""Data as Python programs hold them: records, torch's data sets, scikit-learn's bunches, texts with their labels."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn.datasets import load_iris
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset, TensorDataset

import reweigh
from reweigh.api.containers import opened
from reweigh.api.tables import as_table
from reweigh.errors import BadInput

QUICK = {"steps": 4, "rule": "l2rw", "quick": True, "verbose": False}
N, CHECKED = 90, range(40)
X = np.random.default_rng(0).normal(size=(N, 3)).astype(np.float32)
Y = np.where(X[:, 0] > 0, "up", "down")
TEXTS = [f"it went {word} {number}" for number, word in enumerate(Y)]


class Images(Dataset):
    """As torchvision's: an input and a label, which may be a word."""

    def __init__(self, last=N):
        self.last = last

    def __len__(self):
        return self.last

    def __getitem__(self, place):
        return torch.from_numpy(X[place]), str(Y[place])


class Records(Images):
    """Each example a dict, as in many a notebook."""

    def __getitem__(self, place):
        return {"a": float(X[place, 0]), "b": torch.tensor(X[place, 1]), "y": str(Y[place])}


class Triples(Images):
    def __getitem__(self, place):
        return X[place], X[place], Y[place]


class Alone(Images):
    def __getitem__(self, place):
        return place


class Large(Images):
    """As many photographs as ImageNet has."""

    def __len__(self):
        return 1_281_167

    def __getitem__(self, place):
        assert place == 0  # one is enough to see it
        return torch.zeros(3, 224, 224), 1


class Ragged(Images):
    def __getitem__(self, place):
        return X[place, : 1 + place % 3], Y[place]


class Stream(IterableDataset):
    def __iter__(self):
        return iter(Images())


def same_model(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.model.parameters(), other.model.parameters(), strict=True))


@pytest.fixture(scope="module")
def by_arrays():
    return reweigh.fit((X, Y), clean=CHECKED, **QUICK)


def test_a_torch_data_set_is_its_arrays(by_arrays):
    run = reweigh.fit(Images(), clean=CHECKED, **QUICK)
    assert same_model(run, by_arrays)
    assert run.predict(Subset(Images(), range(7))).values.tolist() == by_arrays.predict(X[:7]).values.tolist()
    assert run.predict(Images()).scores == by_arrays.predict((X, Y)).scores


def test_a_tensor_data_set_and_a_part_of_it_as_the_checked_one():
    whole = TensorDataset(torch.from_numpy(X), torch.from_numpy((X[:, 0] > 0).astype(int)))
    run = reweigh.fit(Subset(whole, range(40, N)), clean=Subset(whole, range(40)), **QUICK)
    assert run.summary["clean_examples"] + run.summary["test_examples"] == 40


def test_records_are_columns_and_what_is_not_there_is_missing():
    frame = pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "y": Y})
    rows = frame.to_dict("records")
    one = reweigh.fit(frame, clean=CHECKED, target="y", **QUICK)
    assert same_model(one, reweigh.fit(rows, clean=CHECKED, target="y", **QUICK))
    assert one.predict(rows[:5]).values.tolist() == one.predict(frame[:5]).values.tolist()
    assert torch.equal(one.model.encode(rows[:5]), one.model.encode(frame[:5]))
    assert opened([{"a": 1, "b": 2}, {"b": 3, "c": "x"}], "train") == {"a": [1, None], "b": [2, 3], "c": [None, "x"]}


def test_records_of_pandas_have_nan_for_a_word_that_is_missing():
    """`frame.to_dict("records")` of a column of words with gaps; what holds words and numbers is text, which is said."""
    records = pd.DataFrame({"w": ["a", None, "b"], "n": [1.5, None, 2.0], "m": ["a", 1, None]}).to_dict("records")
    records[1]["w"] = float("nan")
    table, notes = as_table(opened(records, "train"), "train")
    assert table.to_pydict() == {"w": ["a", None, "b"], "n": [1.5, None, 2.0], "m": ["a", "1", None]}
    assert notes == ["column 'm' of train holds values of several types: all are taken as text"]


def test_a_data_set_of_dicts_is_a_table():
    table = opened(Records(), "train")
    assert list(table) == ["a", "b", "y"]
    assert table["b"] == [float(b) for b in X[:, 1]]
    assert table["y"] == Y.tolist()


@pytest.mark.parametrize("as_frame", [True, False])
def test_a_bunch_of_scikit_learns(as_frame):
    bunch = load_iris(as_frame=as_frame)
    run = reweigh.fit(bunch, clean=range(0, 150, 5), **QUICK)
    assert set(run.predict(bunch).values) <= {0, 1, 2}
    assert same_model(run, reweigh.fit((bunch.data, bunch.target), clean=range(0, 150, 5), **QUICK))


def test_columns_that_are_called_as_a_bunchs_are_columns():
    columns = {"data": X[:, 0].tolist(), "target": Y.tolist()}
    assert opened(columns, "train") is columns


@pytest.mark.parametrize("of", [list, tuple, np.array, pd.Series, pl.Series], ids=lambda of: of.__name__)
def test_texts_and_their_labels(of):
    run = reweigh.fit((of(TEXTS), of(Y.tolist())), clean=CHECKED, **QUICK)
    named = reweigh.fit({"text": TEXTS, "target": Y.tolist()}, clean=CHECKED, target="target", text="text", **QUICK)
    assert same_model(run, named)
    assert run.predict(TEXTS[:4]).values.tolist() == named.predict(TEXTS[:4]).values.tolist()
    assert run.predict((of(TEXTS), of(Y.tolist()))).scores == named.predict({"text": TEXTS, "target": Y}).scores


def test_checked_texts_apart():
    run = reweigh.fit((TEXTS[40:], Y[40:]), clean=(TEXTS[:40], Y[:40]), **QUICK)
    assert run.summary["clean_examples"] + run.summary["test_examples"] == 40


def test_series_are_not_joined_by_position_where_their_labels_differ():
    shuffled = pd.Series(TEXTS).sample(frac=1, random_state=0)
    with pytest.raises(BadInput, match=r"x and y of train= have different indexes"):
        reweigh.fit((shuffled, pd.Series(Y)), clean=CHECKED, **QUICK)
    run = reweigh.fit((shuffled, pd.Series(Y)[shuffled.index]), clean=(shuffled.index < 40).tolist(), **QUICK)
    assert run.summary["clean_examples"] + run.summary["test_examples"] == 40


def test_a_frame_with_a_frame_of_one_column_or_a_tensor():
    frame, y = pd.DataFrame(X, columns=list("abc")), pd.DataFrame({"label": Y})
    one = reweigh.fit((frame, y), clean=CHECKED, **QUICK)
    assert same_model(one, reweigh.fit(frame.assign(label=Y), clean=CHECKED, target="label", **QUICK))
    by_number = reweigh.fit((frame, torch.from_numpy((X[:, 0] > 0).astype(int))), clean=CHECKED, **QUICK)
    assert set(by_number.predict(frame).values) <= {0, 1}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (Stream(), "train is a Stream, whose examples cannot be counted: give a map-style data set"),
        (
            DataLoader(Images()),
            r"train is a DataLoader, and batches are made here: give its data set \(loader.dataset\)",
        ),
        (Triples(), r"train is a Triples whose examples are no \(x, y\)"),
        (Alone(), r"train is a Alone whose examples are no \(x, y\)"),
        (Images(0), r"train is a Images whose examples are no \(x, y\)"),
        (Large(), "whose 1,281,167 examples would take 718 GiB of memory: give a source"),
        (Ragged(), "train is a Ragged whose inputs are no tensors of one shape"),
        ((pd.DataFrame(X), pd.DataFrame(X)), "train= is a pair of frames: put the targets into the first"),
        ((TEXTS, Y[:50]), "x of train= has 90 rows and y has 50"),
    ],
    ids=lambda data: type(data).__name__,
)
def test_what_cannot_be_used_is_said(data, said):
    with pytest.raises(BadInput, match=said):
        reweigh.fit(data, clean=CHECKED, **QUICK)


def test_an_error_of_the_users_own_data_set_stays_it():
    class Broken(Images):
        def __getitem__(self, place):
            raise ZeroDivisionError("my own")

    with pytest.raises(ZeroDivisionError, match="my own"):
        reweigh.fit(Broken(), clean=CHECKED, **QUICK)
