"""Pictures of a page: whole, in their own proportions, and smaller where there are many."""

import base64
import io

import pytest
from PIL import Image

from reweigh.report.pictures import MOST, of_file, side_for


def decoded(address):
    return Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2])))


@pytest.mark.parametrize(("size", "mode", "wanted", "form"), [
    ((1000, 500), "RGB", (320, 160), "JPEG"), ((30, 60), "L", (30, 60), "PNG"), ((50, 900), "L", (18, 320), "JPEG"),
    ((2000, 1), "RGB", (320, 1), "JPEG"),
])  # fmt: skip
def test_a_large_picture_keeps_its_proportions(tmp_path, size, mode, wanted, form):
    Image.new(mode, size, "grey").save(tmp_path / "x.png")
    made = decoded(of_file(tmp_path / "x.png", MOST))
    assert (made.size, made.mode, made.format) == (wanted, mode, form)


def test_more_pictures_are_smaller_ones():
    assert side_for(10) == MOST
    assert 90 < side_for(10_000) < side_for(3_000) < MOST
    assert side_for(10**9) == 96
