"""Linear layers and convolutions differentiated twice, against PyTorch, with the weights' gradients left out and not."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from reweigh import alignments
from reweigh._torch import saves_by_hooks
from reweigh.alignment.double_backward import graph_only
from reweigh.alignment.double_backward.product import convolution, linear
from second_derivatives import assert_same, assert_same_third, drawn

LINEAR = {"a row": (5,), "rows": (4, 5), "sequences": (2, 3, 5)}
CONVOLUTIONS = {
    "sequences": (F.conv1d, (2, 4, 7), (6, 4, 3), {"stride": 2, "padding": 1}),
    "groups": (F.conv2d, (2, 4, 5, 4), (6, 2, 3, 2), {"groups": 2, "padding": (1, 0)}),
    "dilated": (F.conv2d, (2, 3, 6, 6), (4, 3, 2, 3), {"dilation": (2, 1), "stride": (1, 2)}),
    "volumes": (F.conv3d, (2, 2, 4, 3, 3), (3, 2, 2, 2, 2), {"padding": 1, "stride": [2]}),
}


@pytest.mark.parametrize("shape", LINEAR.values(), ids=LINEAR)
@pytest.mark.parametrize("bias", [True, False])
def test_linear(shape, bias):
    inputs = drawn(shape, (3, 5), *([(3,)] if bias else []))
    assert_same(lambda *a: linear(F.linear, *a), F.linear, inputs)
    assert_same_third(lambda *a: linear(F.linear, *a), F.linear, inputs)


@pytest.mark.parametrize(("function", "shape", "weight", "how"), CONVOLUTIONS.values(), ids=CONVOLUTIONS)
@pytest.mark.parametrize("bias", [True, False])
def test_convolution(function, shape, weight, how, bias):
    inputs = drawn(shape, weight, *([weight[:1]] if bias else []))
    assert_same(lambda *a: convolution(function, *a, **how), lambda *a: function(*a, **how), inputs)
    assert_same_third(lambda *a: convolution(function, *a, **how), lambda *a: function(*a, **how), inputs)


@pytest.mark.parametrize("frozen", [0, 1])
def test_a_constant_input_or_weight(frozen):
    inputs = drawn((4, 5), (3, 5), (3,))
    inputs[frozen].requires_grad_(False)
    assert_same(lambda *a: linear(F.linear, *a).tanh(), lambda *a: F.linear(*a).tanh(), inputs)


def test_what_is_not_known_is_left_to_pytorch():
    x, w = drawn((2, 3, 5, 5), (4, 3, 3, 3))
    assert torch.equal(convolution(F.conv2d, x, w, padding="same"), F.conv2d(x, w, padding="same"))
    assert torch.equal(convolution(F.conv2d, x[0], w), F.conv2d(x[0], w))


@pytest.mark.skipif(saves_by_hooks(), reason="before 2.8 PyTorch cannot tell that no checkpointing looks on")
def test_only_the_graph_within_the_block():
    x, w = drawn((4, 5), (3, 5))
    true = torch.autograd.grad(F.linear(x, w).tanh().sum(), w, create_graph=True)[0]
    y = linear(F.linear, x, w).tanh().sum()
    with graph_only():
        empty = torch.autograd.grad(y, w, create_graph=True)[0]
    assert not empty.any()
    found = [torch.autograd.grad((g * w.detach()).sum(), (x, w), retain_graph=True) for g in (empty, true)]
    torch.testing.assert_close(*found, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(torch.autograd.grad(y, w)[0], true)  # outside the block: the value as well


def test_a_loss_that_looks_at_a_gradient_sees_its_value():
    """A penalty on the norm of the first layer's gradient: its value is a part of the loss."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3)).double()
    batch = {"x": torch.randn(5, 4, dtype=torch.float64), "y": torch.tensor([0, 1, 2, 0, 1])}

    def penalised(model, batch):
        losses = F.cross_entropy(model(batch["x"]), batch["y"], reduction="none")
        norms = [torch.autograd.grad(one, model[0].weight, create_graph=True)[0].norm() for one in losses]
        return losses + torch.stack(norms)

    direction = {name: torch.randn_like(p) for name, p in model.named_parameters()}
    found = alignments(model, penalised, batch, direction, engine="double")
    torch.testing.assert_close(found, of_a_loop(model, penalised, batch, direction), rtol=1e-10, atol=1e-12)


def of_a_loop(model, losses, batch, direction):
    """⟨∇ℓ_i, v⟩, one example after the other."""
    found = []
    for row in range(len(batch["y"])):
        one = {name: value[row : row + 1] for name, value in batch.items()}
        grads = torch.autograd.grad(losses(model, one).sum(), list(model.parameters()), allow_unused=True)
        found.append(sum((g * v).sum() for g, v in zip(grads, direction.values(), strict=True) if g is not None))
    return torch.stack(found)


class Ensemble(nn.Module):
    """Three linear layers at once, by the model's own vmap, and a derivative along the input, by its own jvp."""

    def __init__(self, way):
        super().__init__()
        self.way, self.weight = way, nn.Parameter(torch.randn(3, 3, 4))

    def forward(self, x):
        if self.way == "vmap":
            return torch.func.vmap(F.linear, (None, 0))(x, self.weight).tanh().mean(0)
        return torch.func.jvp(lambda x: F.linear(x, self.weight[0]).tanh(), (x,), (torch.ones_like(x),))[1]


@pytest.mark.parametrize("way", ["vmap", "jvp"])
def test_a_model_that_transforms_functions_itself(way):
    torch.manual_seed(0)
    model = Ensemble(way).double()
    batch = {"x": torch.randn(5, 4, dtype=torch.float64), "y": torch.tensor([0, 1, 2, 0, 1])}

    def losses(model, batch):
        return F.cross_entropy(model(batch["x"]), batch["y"], reduction="none")

    direction = {name: torch.randn_like(p) for name, p in model.named_parameters()}
    found = alignments(model, losses, batch, direction, engine="double")
    torch.testing.assert_close(found, of_a_loop(model, losses, batch, direction), rtol=1e-10, atol=1e-12)
