"""Examples as a page shows them: pictures as PNG inside the page, anything else as its first numbers."""

import base64
import io
from typing import Any

import numpy as np
from torch import Tensor

from reweigh.errors import require

FEATURES = 6
_LARGEST = 160


def data_uri(image: Tensor) -> str:
    """An image (channels, H, W) within [0, 1] as a `data:` address of a PNG of at most 160 pixels a side."""
    return address(picture(image), "PNG", _LARGEST)


def picture(image: Tensor) -> Any:
    """An image (channels, H, W) within [0, 1] as one of Pillow's; a grey one dark on light, as ink on paper."""
    pixels = (image.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
    if pixels.shape[-1] == 1:
        pixels = 255 - pixels[..., 0]
    return require("PIL.Image", "report").fromarray(np.ascontiguousarray(pixels))


def address(picture: Any, form: str, largest: int) -> str:
    """A picture of Pillow's, of at most `largest` pixels a side, as a `data:` address of the form "PNG" or "JPEG"."""
    buffer = io.BytesIO()
    picture.thumbnail((largest, largest))
    picture.save(buffer, format=form, **({"quality": 85} if form == "JPEG" else {}))
    return f"data:image/{form.lower()};base64," + base64.b64encode(buffer.getvalue()).decode()


def first_numbers(example: Tensor) -> list[str]:
    """The first numbers of an input of any shape, as text."""
    return [f"{value:.4g}" for value in example.flatten()[:FEATURES].tolist()]
