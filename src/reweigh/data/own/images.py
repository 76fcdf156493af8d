"""Folders of images, one folder a class."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...arrow import pa
from ...errors import BadInput
from ...words import counted
from .image_files import Found, find_images
from .paths import existing
from .pixels import Shape, pixels_of, shape_of
from .rows import Rows
from .sources import Sources

MOST_SIDE = {1: 64, 3: 128}
"""Pixels a side by channels, unless the user asks for more: what their usual models gain from, at 50 kB a coloured image."""


class ImageReader:
    """Reads folders of images as (N, channels, H, W) uint8."""

    kind = "images"
    target_names: tuple[str, ...] = ("folder",)
    input_shape: tuple[int, ...]

    def __init__(self, shape: tuple[int, int, int]) -> None:
        """The shape that every image is brought to: channels, height, width."""
        self.shape, self.input_shape, self.notes = shape, shape, list[str]()
        self.model_options: dict[str, Any] = {}

    @classmethod
    def learned(cls, sources: Sources) -> "ImageReader":
        """The reader for the training folder: the usual size of its images, and grey where all are grey.

        Raises:
            BadInput: the folder holds no classes of images, or a file is no image.
        """
        root = _folder(sources.train)
        shapes = [shape_of(root / name) for name in find_images(root, labelled=True).names]
        moving = sum(shape.moving for shape in shapes)
        channels = 1 if all(shape.grey for shape in shapes) else 3
        reader = cls((channels, *_usual_size(shapes, sources.image_size, MOST_SIDE[channels])))
        _, height, width = reader.shape
        if any((shape.height, shape.width) != (height, width) for shape in shapes):
            reader.notes.append(f"images are resized to {height} x {width} pixels (--image-size says otherwise)")
        if moving:
            reader.notes.append(f"{counted(moving, 'image')} of {root} have several frames: the first is taken")
        return reader

    @classmethod
    def restored(cls, kept: dict[str, Any]) -> "ImageReader":
        """The reader that `as_json` wrote down."""
        channels, height, width = (int(size) for size in kept["shape"])
        return cls((channels, height, width))

    def as_json(self) -> dict[str, Any]:
        """The shape of the images."""
        return {"shape": list(self.input_shape)}

    def rows(self, path: str, part: str) -> Rows:
        """The images of the folder at `path`; a new one may be a single file, or a folder without classes."""
        root = existing(path)
        if part == "new" and root.is_file():
            root, found = root.parent, Found([root.name], [""], ())
        else:
            found = find_images(_folder(path), labelled=part != "new")
        x = torch.empty((len(found.names), *self.input_shape), dtype=torch.uint8)
        for row, name in enumerate(found.names):
            x[row] = torch.from_numpy(np.array(pixels_of(root / name, self.shape)))
        targets = (pa.array(found.classes, pa.string()),) if all(found.classes) else ()
        table = pa.table({"file": found.names}) if part == "new" else None
        return Rows(str(path), x, targets, found.names, table=table, notes=found.notes)


def _folder(path: str) -> Path:
    root = existing(path)
    if not root.is_dir():
        raise BadInput(f"{root} is a file where a folder is expected: give a folder with one folder of images a class")
    return root


def _usual_size(shapes: list[Shape], wanted: int | None, most: int) -> tuple[int, int]:
    """Height and width: as asked for; or as all images have it, where that is small; or a square of the usual side."""
    if wanted is not None:
        return wanted, wanted
    sizes = Counter((shape.height, shape.width) for shape in shapes)
    common, _ = min(sizes.items(), key=lambda item: (-item[1], item[0]))
    if len(sizes) == 1 and max(common) <= most:
        return common
    side = min(most, int(np.median([max(shape.height, shape.width) for shape in shapes])))
    return side, side
