"""What the tests of closed second derivatives share: the same derivatives by our rule and by PyTorch."""

import torch

from reweigh.alignment.double_backward import graph_only


def derivatives(function, inputs):
    """The value, its derivatives along a fixed cotangent, and the derivatives of a fixed combination of them."""
    y = function(*inputs)
    wanted = [x for x in inputs if x.requires_grad]
    g = torch.arange(1, y.numel() + 1, dtype=y.dtype).view_as(y).sin().requires_grad_()
    first = torch.autograd.grad(y, wanted, g, retain_graph=True)
    with graph_only():
        graphs = torch.autograd.grad(y, wanted, g, create_graph=True)
    total = sum((d * torch.arange(d.numel(), dtype=d.dtype).view_as(d).cos()).sum() for d in graphs)
    return [y, *first, *torch.autograd.grad(total, [g, *wanted], allow_unused=True, materialize_grads=True)]


def assert_same(ours, theirs, inputs):
    torch.testing.assert_close(derivatives(ours, inputs), derivatives(theirs, inputs), rtol=1e-10, atol=1e-12)


def assert_same_third(ours, theirs, inputs):
    """Outside `graph_only` gradients may be differentiated as often as anyone likes."""
    values, expected = _thrice(ours, inputs), _thrice(theirs, inputs)
    assert len(values) == len(expected)
    torch.testing.assert_close(values, expected, rtol=1e-9, atol=1e-9)


def _thrice(function, inputs):
    """A number and those of its derivatives, up to the third order or as far as PyTorch has them."""
    values = [function(*inputs).sin().sum()]
    for _ in range(3):
        try:
            grads = torch.autograd.grad(values[-1], inputs, create_graph=True)
        except RuntimeError as limit:
            assert "3rd+ order" in str(limit)  # noqa: PT017 (BatchNorm's, from PyTorch 2.15 on)
            break
        values.append(sum((d * torch.arange(d.numel(), dtype=d.dtype).view_as(d).cos()).sum() for d in grads))
    return values


def assert_exact(ours, theirs, inputs):
    """As PyTorch's to the third order, and as finite differences to the second."""
    assert_same(ours, theirs, inputs)
    assert_same_third(ours, theirs, inputs)
    assert torch.autograd.gradcheck(ours, inputs)
    with graph_only():
        assert torch.autograd.gradgradcheck(ours, inputs)


def drawn(*shapes, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_() for shape in shapes]
