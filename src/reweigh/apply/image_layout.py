"""Folders of images, a folder a class: a picture whose label changes stands in another folder."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from reweigh.apply.edits import Chosen, Edits
from reweigh.arrow import pa
from reweigh.data.own.image_files import find_images
from reweigh.data.own.paths import existing
from reweigh.storage import make_folder


class ImageLayout:
    """Copies pictures; those that came in are left alone."""

    keeps_order = False

    def copy(self, source: str, folder: Path, edits: Edits) -> Path:
        """The pictures of the folder at `source` below `folder`, in a folder of its name."""
        target = folder / existing(source).resolve().name
        _copied([Chosen(source, np.flatnonzero(edits.kept), edits)], target)
        return target

    def together(self, parts: Sequence[Chosen], folder: Path, name: str) -> Path:
        """Pictures of several folders in one."""
        _copied(parts, folder / name)
        return folder / name

    def targets(self, source: str, names: Sequence[str]) -> list[Any]:
        """The folder of each picture, an Arrow array of them."""
        return [pa.array(find_images(existing(source), labelled=True).classes, pa.string())]


def _copied(parts: Sequence[Chosen], target: Path) -> None:
    make_folder(target)
    taken = set[str]()
    staying = [(part, row) for part in parts for row in part.rows.tolist() if row not in part.edits.cells]
    moving = [(part, row) for part in parts for row in part.rows.tolist() if row in part.edits.cells]
    names = {part.path: find_images(existing(part.path), labelled=True).names for part in parts}
    for part, row in [*staying, *moving]:  # those that stay keep their names
        old = names[part.path][row]
        _, _, rest = old.partition("/")
        new = _free(f"{part.edits.cells[row][0]}/{rest}" if row in part.edits.cells else old, taken)
        place = target / new
        make_folder(place.parent)
        shutil.copy2(existing(part.path) / old, place)


def _free(name: str, taken: set[str]) -> str:
    """A name that no other picture has, also where capitals are not told apart."""
    path, count = Path(name), 1
    while name.casefold() in taken:
        count += 1
        name = path.with_name(f"{path.stem}-{count}{path.suffix}").as_posix()
    taken.add(name.casefold())
    return name
