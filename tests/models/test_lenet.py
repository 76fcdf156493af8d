import math

import pytest
import torch
from torch import nn

from reweigh.models import LeNet
from reweigh.models.lenet import pool


def same_pool(x: torch.Tensor) -> torch.Tensor:
    """3x3 pooling of stride 2, "same" padding, window by window: the definition."""
    _, _, height, width = x.shape
    rows, columns = math.ceil(height / 2), math.ceil(width / 2)
    top, left = max(2 * (rows - 1) + 3 - height, 0) // 2, max(2 * (columns - 1) + 3 - width, 0) // 2
    out = x.new_empty(*x.shape[:2], rows, columns)
    for i in range(rows):
        for j in range(columns):
            a, b = 2 * i - top, 2 * j - left
            window = x[:, :, max(a, 0) : a + 3, max(b, 0) : b + 3]
            out[:, :, i, j] = window.amax((2, 3))
    return out


@pytest.mark.parametrize("size", [(28, 28), (7, 7), (8, 5), (2, 3), (1, 1)])
def test_pooling_is_the_same_padding_one(size: tuple[int, int]) -> None:
    x = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(0))
    assert torch.equal(pool(x), same_pool(x))


@pytest.mark.parametrize(("size", "features"), [((28, 28), 1024), ((8, 8), 64), ((32, 32), 1024), ((5, 9), 128)])
def test_it_adapts_to_the_picture(size: tuple[int, int], features: int) -> None:
    model = LeNet((1, *size), 10)
    assert model.hidden.in_features == features
    assert model(torch.rand(2, 1, *size)).shape == (2, 10)


def test_weights_start_as_the_released_code_has_them() -> None:
    torch.manual_seed(0)
    model = LeNet()
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            assert module.weight.abs().max() <= 0.2
            assert not module.bias.any()
    # A normal distribution of deviation 0.1 cut at two deviations has deviation 0.088.
    assert model.hidden.weight.std().item() == pytest.approx(0.088, abs=0.001)
