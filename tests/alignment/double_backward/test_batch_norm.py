"""BatchNorm's second derivative in closed form against PyTorch's and against finite differences."""

import pytest
import torch
import torch.nn.functional as F

from reweigh.alignment.double_backward.batch_norm import batch_norm
from second_derivatives import assert_exact, drawn

SHAPES = {"vectors": (7, 3), "sequences": (4, 3, 5), "images": (4, 3, 2, 5)}


def ours(x, weight, bias):
    return batch_norm(F.batch_norm, x, None, None, weight, bias, True, 0.1, 1e-3)


def theirs(x, weight, bias):
    return F.batch_norm(x, None, None, weight, bias, True, 0.1, 1e-3)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_as_pytorch_and_as_finite_differences(shape):
    inputs = drawn(shape, (3,), (3,))
    assert_exact(ours, theirs, inputs)


def test_running_statistics_move_as_usual():
    x, weight, bias = drawn((6, 3), (3,), (3,))
    mine, others = ([torch.zeros(3).double(), torch.ones(3).double()] for _ in range(2))
    y = batch_norm(F.batch_norm, x, *mine, weight, bias, True, 0.3, 1e-5)
    torch.autograd.grad(y.sin().sum(), x, create_graph=True)
    F.batch_norm(x, *others, weight, bias, True, 0.3, 1e-5)
    torch.testing.assert_close(mine, others)
