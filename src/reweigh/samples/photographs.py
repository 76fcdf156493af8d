"""Photographs: tiles of 32 by 32 pixels of the two that scikit-learn brings, a temple and a flower, a folder a class.

Both are by their photographers under CC BY 2.0, as the README of the samples says. A fifth of the training tiles lie in the
other's folder; `photos-truth.csv` tells which.
"""

import random
from pathlib import Path

from reweigh.errors import require
from reweigh.samples.sample import Sample, mislabelled, write_csv

SIDE, WRONG, CHECKED, TESTED, NEW = 32, 0.2, 40, 120, 40
_FILES = {"temple": "china.jpg", "flower": "flower.jpg"}


def write_photographs(folder: Path) -> None:
    """Folders of tiles: `photos` to learn from, `photos-checked`, `photos-test`, and `photos-new` without classes.

    Raises:
        MissingExtra: scikit-learn or Pillow is not installed.
    """
    load = require("sklearn.datasets", "cli").load_sample_image
    tiles = [(label, tile) for label, name in _FILES.items() for tile in _tiles(load(name))]
    draw = random.Random(0)
    draw.shuffle(tiles)
    for name, count in (("photos-checked", CHECKED), ("photos-test", TESTED), ("photos-new", NEW)):
        part, tiles = tiles[:count], tiles[count:]
        _save(folder / name, [label if name != "photos-new" else "" for label, _ in part], [tile for _, tile in part])
    truth = [label for label, _ in tiles]
    given = mislabelled(truth, WRONG, draw)
    files = _save(folder / "photos", given, [tile for _, tile in tiles])
    write_csv(folder / "photos-truth.csv", ["id", "label"], zip(files, truth, strict=True))


def _tiles(picture: object) -> list[object]:
    image = require("PIL.Image", "cli").fromarray(picture)
    across, down = (size // SIDE for size in image.size)
    return [
        image.crop((SIDE * x, SIDE * y, SIDE * (x + 1), SIDE * (y + 1))) for y in range(down) for x in range(across)
    ]


def _save(folder: Path, labels: list[str], tiles: list[object]) -> list[str]:
    """Each tile in the folder of its label; their names from there, (n,)."""
    files = []
    for place, (label, tile) in enumerate(zip(labels, tiles, strict=True)):
        file = folder / label / f"{place:03}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        tile.save(file)  # type: ignore[attr-defined]  # an image of Pillow
        files.append(file.relative_to(folder).as_posix())
    return files


PHOTOGRAPHS = Sample(
    "photographs in a folder a class (photos, photos-checked, photos-test, photos-new)",
    write_photographs,
    (
        "reweigh train --train photos --clean photos-checked --output runs/photos",
        "reweigh review runs/photos",
        "reweigh predict runs/photos photos-new --output photos.csv",
    ),
)
