"""What several students say of the same examples, as one word."""

import pytest
import torch

from reweigh.rightness.labels_view import LabelsView
from reweigh.rightness.numbers_view import NumbersView
from reweigh.rightness.view import View


def logs(*shape):
    return torch.randn(*shape, dtype=torch.double).log_softmax(-1)


def test_log_probabilities_stay_such_and_agree_with_the_geometric_mean():
    torch.manual_seed(0)
    one, other = (View(logs(5, 3), logs(5, 3), {"frozen": torch.randn(5, 3)}) for _ in range(2))
    found = View.averaged([one, other])
    assert torch.allclose(found.said.exp().sum(1), torch.ones(5, dtype=torch.double))
    geometric = (one.said.exp() * other.said.exp()).sqrt()
    assert torch.allclose(found.said.exp(), geometric / geometric.sum(1, keepdim=True))
    assert torch.allclose(found.near.exp().sum(1), torch.ones(5, dtype=torch.double))
    assert torch.equal(found.more["frozen"], (one.more["frozen"] + other.more["frozen"]) / 2)


@pytest.mark.parametrize("view", [View(logs(4, 3)), LabelsView(logs(4, 2, 2)), NumbersView(torch.randn(4).double())])
def test_one_that_agrees_with_itself_says_the_same_and_what_none_has_stays_away(view):
    found = type(view).averaged([view, view, view])
    assert torch.allclose(found.said, view.said)
    assert found.near is None


def test_of_several_labels_each_is_averaged_by_itself():
    torch.manual_seed(1)
    found = LabelsView.averaged([LabelsView(logs(4, 3, 2), logs(4, 3, 2)) for _ in range(3)])
    assert torch.allclose(found.said.exp().sum(2), torch.ones(4, 3, dtype=torch.double))
    assert torch.allclose(found.near.exp().sum(2), torch.ones(4, 3, dtype=torch.double))


def test_numbers_have_a_mean():
    views = [NumbersView(torch.full((3,), value).double(), torch.full((3,), -value).double()) for value in (1.0, 4.0)]
    found = NumbersView.averaged(views)
    assert found.said.tolist() == [2.5] * 3
    assert found.near.tolist() == [-2.5] * 3
