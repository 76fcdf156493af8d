from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch.utils.data import TensorDataset

from reweigh.clean_source import dataset_batches, field_batches, is_of_fields, row_count
from reweigh.errors import BadInput


class Pair(NamedTuple):
    x: torch.Tensor
    names: list


def test_what_holds_a_clean_set_field_by_field():
    x = torch.zeros(3)
    assert all(is_of_fields(source) for source in ({"x": x}, (x, x), Pair(x, ["a", "b", "c"])))
    assert not any(is_of_fields(source) for source in ([x], x, TensorDataset(x), (x, "name"), iter([x])))


def test_rows_of_each_field_in_a_batch_of_the_same_kind():
    source = Pair(torch.arange(3.0), ["a", "b", "c"])
    batch = field_batches(source, source._asdict())(torch.tensor([2, 0]))
    assert type(batch) is Pair
    assert batch.x.tolist() == [2, 0]
    assert batch.names == ["c", "a"]


def test_examples_of_a_dataset_are_collated():
    (x,) = dataset_batches(TensorDataset(torch.arange(6).view(3, 2)))(torch.tensor([1, 1]))
    assert x.tolist() == [[2, 3], [2, 3]]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"x": torch.zeros(3), "y": np.zeros(2)}, "rows: all need one row an example"),
        ({"x": torch.zeros(3), "y": 5}, "but 'y' is a int"),
        ({"x": torch.zeros(())}, "but 'x' is a Tensor"),
        ({"x": [1, 2]}, "must be a tensor with one row an example"),
    ],
)
def test_fields_without_a_row_an_example_are_refused(fields, said):
    with pytest.raises(BadInput, match=said):
        row_count(fields)
