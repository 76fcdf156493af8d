"""Examples as a page shows them: pictures as PNG inside the page, anything else as its first numbers."""

import base64
import io

import numpy as np
from torch import Tensor

from reweigh.errors import require

FEATURES = 6
_LARGEST = 160


def data_uri(image: Tensor) -> str:
    """An image (channels, H, W) within [0, 1] as a `data:` address of a PNG of at most 160 pixels a side."""
    pillow = require("PIL.Image", "report")
    pixels = (image.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
    if pixels.shape[-1] == 1:
        pixels = 255 - pixels[..., 0]  # dark on light, as ink on paper
    picture = pillow.fromarray(np.ascontiguousarray(pixels))
    picture.thumbnail((_LARGEST, _LARGEST))
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def first_numbers(example: Tensor) -> list[str]:
    """The first numbers of an input of any shape, as text."""
    return [f"{value:.4g}" for value in example.flatten()[:FEATURES].tolist()]
