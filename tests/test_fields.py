"""Labels and ids are found by the usual names, and their absence is said in one sentence."""

import pytest
import torch

from reweigh.errors import BadInput
from reweigh.fields import ID_NAMES, LABEL_NAMES, ids_in, labels_in

ROWS = torch.arange(3)


@pytest.mark.parametrize("name", LABEL_NAMES)
def test_labels_by_name(name):
    assert labels_in({"x": torch.zeros(3), name: ROWS}) is ROWS


@pytest.mark.parametrize("name", ID_NAMES)
def test_ids_by_name(name):
    assert ids_in({"x": torch.zeros(3), name: ROWS}) is ROWS


def test_the_first_of_the_names_wins():
    assert labels_in({"target": torch.zeros(3), "y": ROWS}) is ROWS
    assert ids_in({"idx": torch.zeros(3), "id": ROWS}) is ROWS


@pytest.mark.parametrize("kind", [tuple, list])
def test_the_second_item_of_a_pair(kind):
    assert labels_in(kind([torch.zeros(3), ROWS])) is ROWS
    assert ids_in(kind([torch.zeros(3), ROWS])) is None


def test_lists_of_numbers_become_tensors():
    assert torch.equal(labels_in({"y": [2, 0, 1]}), torch.tensor([2, 0, 1]))
    assert torch.equal(ids_in({"id": [7, 8]}), torch.tensor([7, 8]))


@pytest.mark.parametrize(
    ("batch", "said"), [({"x": 1, "w": 2}, "'x', 'w'"), (torch.zeros(3), "Tensor"), ((torch.zeros(3),), "tuple")]
)
def test_no_labels(batch, said):
    with pytest.raises(BadInput, match="labels=") as caught:
        labels_in(batch)
    assert said in str(caught.value)
    assert ids_in(batch) is None
