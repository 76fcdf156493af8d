"""Picture files as small pictures inside a page: large enough to judge, and together small enough to open."""

import math
from pathlib import Path

from reweigh.data.own.pixels import pixels_of, shape_of
from reweigh.errors import require
from reweigh.report.thumbnails import address

TOGETHER = 40_000_000
"""Characters of all pictures of a page, about."""
LEAST, MOST = 96, 320
_A_PIXEL = 0.33  # characters that a pixel of a photograph takes
_EXACT = 64  # pixels a side up to which a picture is kept as it is, since each of its pixels is seen


def side_for(count: int) -> int:
    """Pixels a side of each of so many pictures."""
    return min(MOST, max(LEAST, math.isqrt(int(TOGETHER / (max(count, 1) * _A_PIXEL)))))


def of_file(path: Path, side: int) -> str:
    """The picture in the file, upright and whole, of at most `side` pixels a side, as a `data:` address.

    Raises:
        BadInput: if it cannot be read.
    """
    shape = shape_of(path)
    shrink = min(1.0, side / max(shape.height, shape.width))
    height, width = (max(1, round(shrink * size)) for size in (shape.height, shape.width))
    pixels = pixels_of(path, (1 if shape.grey else 3, height, width))
    small = require("PIL.Image", "report").fromarray(pixels[0] if shape.grey else pixels.transpose(1, 2, 0).copy())
    return address(small, "PNG" if max(height, width) <= _EXACT else "JPEG", side)
