"""Second derivatives in closed form, of BatchNorm and GELU, against PyTorch's and against finite differences."""

import pytest
import torch
import torch.nn.functional as F

from reweigh.alignment.twice import TWICE, batch_norm, gelu

SHAPES = {"vectors": (7, 3), "sequences": (4, 3, 5), "images": (4, 3, 2, 5)}


def arguments(shape):
    generator = torch.Generator().manual_seed(0)
    draw = [torch.randn(s, generator=generator).double().requires_grad_() for s in (shape, (3,), (3,), shape)]
    return draw[0], draw[1], draw[2], draw[3].detach()


def ours(x, weight, bias):
    return batch_norm(F.batch_norm, x, None, None, weight, bias, True, 0.1, 1e-3)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_twice_by_finite_differences(shape):
    x, weight, bias, _ = arguments(shape)
    assert torch.autograd.gradcheck(ours, (x, weight, bias))
    assert torch.autograd.gradgradcheck(ours, (x, weight, bias))


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_twice_as_pytorch_does_it(shape):
    x, weight, bias, g = arguments(shape)
    found = []
    for function in (ours, lambda x, w, b: F.batch_norm(x, None, None, w, b, True, 0.1, 1e-3)):
        first = torch.autograd.grad(function(x, weight, bias).tanh(), (x, weight, bias), g, create_graph=True)
        total = sum((d * torch.arange(d.numel()).view_as(d).cos()).sum() for d in first)
        found.append([*first, *torch.autograd.grad(total, (x, weight, bias))])
    torch.testing.assert_close(found[0], found[1], rtol=1e-9, atol=1e-11)


def test_running_statistics_move_as_usual():
    x, weight, bias, _ = arguments((6, 3))
    mine, theirs = ([torch.zeros(3).double(), torch.ones(3).double()] for _ in range(2))
    batch_norm(F.batch_norm, x, *mine, weight, bias, True, 0.3, 1e-5)
    F.batch_norm(x, *theirs, weight, bias, True, 0.3, 1e-5)
    torch.testing.assert_close(mine, theirs)


def test_gelu_twice():
    x = torch.linspace(-6, 6, 25).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: gelu(F.gelu, x), x)
    assert torch.autograd.gradgradcheck(lambda x: gelu(F.gelu, x), x)
    found = []
    for function in (lambda x: gelu(F.gelu, x), F.gelu):
        (first,) = torch.autograd.grad(function(x).sin().sum(), x, create_graph=True)
        found.append((first, *torch.autograd.grad((first * torch.arange(25)).sum(), x)))
    torch.testing.assert_close(found[0], found[1], rtol=1e-12, atol=1e-14)


def test_gelu_by_tanh_is_left_to_pytorch():
    x = torch.linspace(-2, 2, 9)
    assert torch.equal(TWICE[F.gelu](F.gelu, x, approximate="tanh"), F.gelu(x, approximate="tanh"))
