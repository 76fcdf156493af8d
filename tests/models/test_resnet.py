import pytest
import torch
from torch import nn

from reweigh.models import ResNet, WideResNet
from reweigh.models.resnet import Block


def test_the_shortcut_without_parameters_takes_every_second_pixel_and_pads_channels() -> None:
    block = Block(4, 8, 2, nn.BatchNorm2d)
    x = torch.rand(2, 4, 6, 6)
    shortcut = block.shortcut(x)
    assert torch.equal(shortcut[:, 2:6], x[:, :, ::2, ::2])
    assert not shortcut[:, :2].any()
    assert not shortcut[:, 6:].any()


@pytest.mark.parametrize("depth", [8, 20, 32])
def test_depth_counts_the_layers_with_weights(depth: int) -> None:
    layers = [m for m in ResNet(depth=depth).modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert len(layers) == depth


@pytest.mark.parametrize("family", [ResNet, WideResNet])
def test_group_norm_keeps_examples_apart_and_batch_norm_does_not(family) -> None:
    size = {"depth": 8, "width": 8} if family is ResNet else {"depth": 10, "widen": 1}
    torch.manual_seed(0)
    x = torch.rand(4, 3, 8, 8)
    for norm, apart in (("group", True), ("batch", False)):
        model = family((3, 8, 8), 10, norm=norm, **size)
        assert torch.allclose(model(x)[:2], model(x[:2]), atol=1e-5) is apart


def test_dropout_is_used_in_training_and_only_there() -> None:
    torch.manual_seed(0)
    model, x = WideResNet((3, 8, 8), 10, depth=10, widen=1, dropout=0.5, norm="group"), torch.rand(2, 3, 8, 8)
    assert not torch.allclose(model(x), model(x))
    model.eval()
    assert torch.equal(model(x), model(x))


def test_pictures_of_one_pixel_a_stage_are_taken() -> None:
    assert ResNet((1, 4, 4), 3, depth=8, norm="group")(torch.rand(1, 1, 4, 4)).shape == (1, 3)
