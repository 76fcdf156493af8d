"""Examples as small pictures inside a page: large enough to judge, and together small enough to open."""

import base64
import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from reweigh.audit import Audit
from reweigh.audit.as_read import files_by_id
from reweigh.data import Examples
from reweigh.data.own.pixels import pixels_of, shape_of
from reweigh.errors import require
from reweigh.ledger.visits import Array

TOGETHER = 40_000_000
"""Characters of all pictures of a page, about."""
LEAST, MOST = 96, 320
_A_PIXEL = 0.33  # characters that a pixel of a photograph takes
_EXACT = 64  # pixels a side up to which a picture is kept as it is, since each of its pixels is seen


def pictures_of(audit: Audit, parts: Sequence[tuple[Examples, Array]]) -> list[str]:
    """`data:` addresses of the rows of these parts of an audit's data, one after the other.

    Pictures of the user's own come from their files, where they are larger and whole.
    """
    side = side_for(sum(len(rows) for _, rows in parts))
    if audit.encoding is not None and audit.encoding.kind == "images":
        ids = [identity for examples, rows in parts for identity in examples.ids.numpy()[rows].tolist()]
        files = files_by_id(audit, ids)
        return [of_file(files[identity], side) for identity in ids]
    form = "PNG" if max(audit.examples.x.shape[2:]) <= _EXACT else "JPEG"
    return [address(picture(examples[row]["x"]), form, side) for examples, rows in parts for row in rows.tolist()]


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
