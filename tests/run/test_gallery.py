import struct

import pytest
import torch

from reweigh.data import Examples
from reweigh.run.gallery import Bar, demo_png, distrusted_png


def examples(channels):
    labels = torch.tensor([0, 1] * 6)
    return Examples(torch.rand(12, channels, 8, 8), labels, torch.arange(12), ("cat", "dog"), labels.flip(0))


def size_of(png):
    assert png.startswith(b"\x89PNG")
    return struct.unpack(">II", png[16:24])


@pytest.mark.parametrize("channels", [1, 3])
def test_grey_and_coloured_images(channels):
    width, height = size_of(distrusted_png(examples(channels), torch.arange(10)))
    assert width > height > 100


def test_fewer_images_than_places():
    size_of(distrusted_png(examples(1), torch.arange(3)))


def test_the_readme_picture():
    bars = [Bar("plain", 0.6, 0.02), Bar("L2RW", 0.95, 0.01, highlighted=True)]
    width, height = size_of(demo_png(bars, examples(1), torch.arange(10), 0.9, "a title"))
    assert width > 2 * height
