"""Which rows a `clean=` names, by itself."""

import numpy as np
import pandas as pd
import pytest

from reweigh.errors import BadInput
from reweigh.hosts.sklearn.clean_rows import named_rows

INDEX = pd.Index([10, 30, 20, 40])
X = pd.DataFrame({"a": range(4)}, index=INDEX)


@pytest.mark.parametrize(
    ("clean", "rows"),
    [
        ([True, False, True, False], [0, 2]),
        (pd.Series([True, False, True, False], index=INDEX, dtype="boolean"), [0, 2]),
        (pd.Index([20, 10]), [0, 2]),
        ([0, 2], [0, 2]),  # none of them is a label, so positions are meant
        (range(0, 3, 2), [0, 2]),
        (np.uint8([2, 0]), [0, 2]),
    ],
)
def test_what_is_meant(clean, rows):
    assert named_rows(clean, 4, X=X).tolist() == rows


@pytest.mark.parametrize(
    "labels", [pd.to_datetime(["2020-01-01", "2020-01-03"]), pd.MultiIndex.from_tuples([(1, "a"), (2, "b")])]
)
def test_labels_of_every_kind(labels):
    table = pd.DataFrame({"a": [1, 2]}, index=labels)
    assert named_rows(labels[1:], 2, X=table).tolist() == [1]


def test_the_index_of_y_serves_where_x_has_none():
    assert named_rows(pd.Index([20]), 4, X=X.to_numpy(), y=X["a"]).tolist() == [2]
    with pytest.raises(BadInput, match="neither X nor y"):
        named_rows(pd.Index([20]), 4, X=X.to_numpy(), y=X["a"].to_numpy())


def test_numbers_that_are_labels_too_are_refused():
    with pytest.raises(BadInput, match="whether positions or labels are meant"):
        named_rows([10, 2], 4, X=X)
