"""GELU's second derivative in closed form against PyTorch's and against finite differences."""

import torch
import torch.nn.functional as F

from reweigh.alignment.double_backward import CLOSED_FORMS
from reweigh.alignment.double_backward.gelu import gelu
from second_derivatives import assert_exact


def ours(x):
    return gelu(F.gelu, x)


def test_as_pytorch_and_as_finite_differences():
    x = torch.linspace(-6, 6, 25).double().requires_grad_()
    assert_exact(ours, F.gelu, [x])


def test_by_tanh_it_is_left_to_pytorch():
    x = torch.linspace(-2, 2, 9)
    assert torch.equal(CLOSED_FORMS[F.gelu](F.gelu, x, approximate="tanh"), F.gelu(x, approximate="tanh"))
