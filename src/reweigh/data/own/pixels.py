"""An image file as an array of bytes: upright, of one size, grey or in colour.

The size that a file claims is checked before anything of that size is made, and a file that ends early is refused
rather than filled up with grey.
"""

import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ...errors import BadInput, require

MOST_PIXELS = 100_000_000
"""A file that claims more is refused: a few kilobytes can claim to unpack into terabytes."""

MOST_MOVING = 25_000_000
"""Pixels of a WebP file, whose decoder keeps several canvases."""

FORMATS = ("PNG", "JPEG", "BMP", "DIB", "GIF", "TIFF", "WEBP", "PPM")
"""What is decoded, whatever a file is called; of other formats some start programs."""

GREY = ("1", "L", "LA", "I", "I;16", "I;16B", "I;16L")

_AT_ONCE = 4_000_000  # pixels of an image that is worked on whole; a larger one goes by bands
_BAND = 1_000_000
_GAP = 3.0  # how much larger than wanted an image is left by the quick way of making it smaller

ORIENTATION, ON_ITS_SIDE = 0x0112, (5, 6, 7, 8)

_DAMAGED = (OSError, ValueError, SyntaxError, EOFError, ArithmeticError, TypeError, LookupError, RuntimeError, MemoryError,
            struct.error)  # fmt: skip
"""What the decoders of Pillow raise over a damaged file, besides what they should."""

Pixels = npt.NDArray[np.uint8]


class Shape(NamedTuple):
    """What an image's header says: height and width as it is shown, whether it is grey, and whether it has many frames."""

    height: int
    width: int
    grey: bool
    moving: bool = False


def shape_of(path: Path) -> Shape:
    """The shape of the image, from its header alone."""
    with _opened(path) as image:
        width, height = image.size
        if image.getexif().get(ORIENTATION) in ON_ITS_SIDE:  # the camera was held on its side
            width, height = height, width
        moving = image.format != "MPO" and getattr(image, "n_frames", 1) > 1
        return Shape(height, width, image.mode in GREY, moving)


def pixels_of(path: Path, shape: tuple[int, int, int]) -> Pixels:
    """The image as (channels, height, width) uint8, resized where it has another size."""
    channels, height, width = shape
    operations, tools = require("PIL.Image", "cli"), require("PIL.ImageOps", "cli")
    with _opened(path) as image:
        if image.format == "JPEG":
            image.draft(None, (2 * width, 2 * height))  # decode no more than is needed
        if image.width * image.height > _AT_ONCE:
            image = _reduced(image, (width, height), operations, grey=channels == 1)
        upright = tools.exif_transpose(image)
        plain = _plain(upright, operations, grey=channels == 1)
        if plain.size != (width, height):
            plain = plain.resize((width, height), operations.Resampling.BILINEAR, reducing_gap=_GAP)
        found = np.asarray(plain, dtype=np.uint8)
    return found[None] if channels == 1 else np.ascontiguousarray(found.transpose(2, 0, 1))


def _reduced(image: Any, size: tuple[int, int], operations: Any, grey: bool) -> Any:
    """A large image in "L" or "RGB", of this (width, height) once it is upright: by bands, so that no copy of it is made."""
    exif = image.getexif()
    wide, high = size[::-1] if exif.get(ORIENTATION) in ON_ITS_SIDE else size
    across, down = (max(1, int(had / wanted / _GAP)) for had, wanted in zip(image.size, (wide, high), strict=True))
    rows = max(1, _BAND // (image.width * down)) * down
    whole = operations.new("L" if grey else "RGB", (-(-image.width // across), -(-image.height // down)))
    for top in range(0, image.height, rows):
        band = image.crop((0, top, image.width, min(top + rows, image.height)))
        whole.paste(_plain(band, operations, grey).reduce((across, down)), (0, top // down))
    box = (0, 0, image.width / across, image.height / down)
    small = whole.resize((wide, high), operations.Resampling.BILINEAR, box=box)
    small.info["exif"] = exif.tobytes()
    return small


def _plain(image: Any, operations: Any, grey: bool) -> Any:
    """Mode "L" or "RGB"; what is transparent is white, 16 bits become 8."""
    if image.mode.startswith("I"):
        values = np.asarray(image, dtype=np.float64)
        image = operations.fromarray(np.clip(values / 257, 0, 255).astype(np.uint8))
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        image = operations.new("RGBA", layer.size, "white")
        image.alpha_composite(layer)
    return image.convert("L" if grey else "RGB")


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    library = require("PIL.Image", "cli")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about its own limit of size, ours follows
            library.init()
            known = [name for name in FORMATS if name in library.OPEN]
            with library.open(path, formats=known) as image:
                if image.width * image.height > (MOST_MOVING if image.format == "WEBP" else MOST_PIXELS):
                    raise BadInput(
                        f"{path} claims to be {image.width} x {image.height} pixels, more than is read: make it smaller, "
                        "or remove it"
                    )
                if image.mode == "F" or (image.mode == "I" and image.format not in ("PNG", "PPM")):
                    raise BadInput(
                        f"{path} holds numbers of 32 bits, whose range nothing says: save it with 8 or 16 bits"
                    )
                yield image
    except BadInput:
        raise
    except library.DecompressionBombError as bomb:
        raise BadInput(f"{path} claims to be larger than is read: make the image smaller, or remove it") from bomb
    except _DAMAGED as damage:
        reason = (
            "it is no image, whatever its name says" if isinstance(damage, library.UnidentifiedImageError) else damage
        )
        raise BadInput(f"{path} cannot be read as an image ({_short(reason)}): replace or remove the file") from damage


def _short(reason: object) -> str:
    return " ".join(str(reason).split()).replace(". ", ", ").rstrip(".")[:120]
