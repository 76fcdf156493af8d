from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reweigh.data.own.pixels import Shape, pixels_of, shape_of

RED = np.zeros((6, 4, 3), dtype=np.uint8)
RED[:3, :, 0] = 255  # the upper half is red


@pytest.fixture
def saved(desk):
    def save(image, name="a.png", **options):
        image.save(desk.path(name), **options)
        return Path(desk.path(name))

    return save


def test_colour_and_grey(saved):
    colour, grey = saved(Image.fromarray(RED), "c.png"), saved(Image.fromarray(RED[..., 0]), "g.png")
    assert (shape_of(colour), shape_of(grey)) == (Shape(6, 4, False), Shape(6, 4, True))
    np.testing.assert_array_equal(pixels_of(colour, (3, 6, 4)), RED.transpose(2, 0, 1))
    np.testing.assert_array_equal(pixels_of(grey, (1, 6, 4))[0], RED[..., 0])
    assert pixels_of(grey, (3, 6, 4)).shape == (3, 6, 4)


def test_an_image_is_turned_upright(saved):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn a quarter to the right
    path = saved(Image.fromarray(RED), "a.png", exif=exif)
    assert shape_of(path) == Shape(4, 6, False)
    pixels = pixels_of(path, (3, 4, 6))
    assert pixels[0, :, 3:].min() == 255
    assert pixels[0, :, :3].max() == 0


def test_sixteen_bits_become_eight(saved):
    deep = (np.arange(24, dtype=np.uint16) * 2800).reshape(6, 4)
    found = pixels_of(saved(Image.fromarray(deep)), (1, 6, 4))[0]
    np.testing.assert_allclose(found, deep / 257, atol=1)


def test_what_is_transparent_is_white(saved):
    layer = np.zeros((6, 4, 4), dtype=np.uint8)
    layer[:3, :, 3] = 255  # the upper half is black, the lower one is not there
    found = pixels_of(saved(Image.fromarray(layer)), (3, 6, 4))
    assert (found[:, :3].max(), found[:, 3:].min()) == (0, 255)


def test_a_palette_is_colour(saved):
    path = saved(Image.fromarray(RED).convert("P", palette=Image.Palette.ADAPTIVE), "a.gif")
    assert not shape_of(path).grey
    assert pixels_of(path, (3, 6, 4))[0, 0, 0] > 250


def test_resizing_averages(saved):
    path = saved(Image.fromarray(np.kron(RED, np.ones((20, 20, 1), dtype=np.uint8))), "a.jpg", quality=95)
    found = pixels_of(path, (3, 6, 4)).astype(int)
    np.testing.assert_allclose(found[0, [0, 1, 4, 5]], RED[[0, 1, 4, 5], :, 0], atol=12)
