"""What a student says of examples, and the state before its last layer."""

import pytest
import torch
from torch import nn

from reweigh.data import Examples
from reweigh.errors import BadInput
from reweigh.run.job.look import look


def examples(count=5, **other):
    x = torch.randn(count, 3, generator=torch.Generator().manual_seed(count))
    return Examples(x, torch.zeros(count, dtype=torch.int64), torch.arange(count), ("a", "b"), **other)


def test_outputs_and_what_goes_into_the_last_layer():
    student = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Dropout(), nn.Linear(4, 2)).train()
    one, other = examples(5), examples(3)
    rows = torch.tensor([4, 0])
    outputs, states = look(student, [(one, rows), (other, torch.arange(3))])
    x = torch.cat([one.x[rows], other.x])
    assert torch.allclose(states.float(), student[:2](x))
    assert torch.allclose(outputs.float(), student[3](student[:2](x)))
    assert (outputs.dtype, states.dtype) == (torch.double, torch.double)
    assert not outputs.requires_grad


def test_more_than_it_is_asked_about_at_once():
    student, many = nn.Sequential(nn.Identity(), nn.Linear(3, 2)), examples(2500)
    outputs, states = look(student, [(many, torch.arange(2500))])
    assert torch.allclose(outputs.float(), student(many.x), atol=1e-6)
    assert torch.allclose(states.float(), many.x)


class Strange(nn.Module):
    """Has no layer that we know."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(2))

    def forward(self, x):
        return x[:, :2] * self.scale


def test_where_no_state_is_known_the_outputs_are_it():
    outputs, states = look(Strange(), [(examples(), torch.arange(5))])
    assert torch.equal(outputs, states)


def test_an_output_that_is_no_number_is_refused():
    student = nn.Linear(3, 2)
    nn.init.constant_(student.bias, float("inf"))
    with pytest.raises(BadInput, match="finite"):
        look(student, [(examples(), torch.arange(5))])
