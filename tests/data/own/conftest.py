"""Small data of one's own, in every kind, that the tests spoil."""

from pathlib import Path

import numpy as np
import pytest

from reweigh.data.own import Sources


class Desk:
    """A folder to write tables, arrays and images to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, name: str) -> str:
        return str(self.folder / name)

    def write(self, name: str, content: str | bytes) -> str:
        place = self.folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(place)

    def table(self, file: str = "train.csv", rows: int = 40, checked: int = 12, /, **columns: list[object]) -> str:
        """A CSV file of two inputs, two classes and a mark on the first `checked` rows; `columns` replace or add some."""
        random = np.random.default_rng(rows)
        whole: dict[str, list[object]] = {
            "size": random.normal(size=rows).round(3).tolist(),
            "colour": random.choice(["red", "green", "blue"], rows).tolist(),
            "label": [("no", "yes")[row % 2] for row in range(rows)],
            "ok": [int(row < checked) for row in range(rows)],
        }
        whole |= columns
        names = [name for name, cells in whole.items() if cells is not None]
        lines = [",".join(names), *(",".join(str(whole[name][row]) for name in names) for row in range(rows))]
        return self.write(file, "\n".join(lines) + "\n")

    def images(
        self, name: str = "train", each: int = 6, classes: tuple[str, ...] = ("cat", "dog"), seed: int = 0
    ) -> str:
        image = pytest.importorskip("PIL.Image")
        random = np.random.default_rng(seed)
        for label in classes:
            (self.folder / name / label).mkdir(parents=True, exist_ok=True)
            for number in range(each):
                pixels = random.integers(0, 256, (12, 12, 3), dtype=np.uint8)
                image.fromarray(pixels).save(self.folder / name / label / f"{number}.png")
        return self.path(name)

    def arrays(self, file: str = "train.npz", rows: int = 40, /, **arrays: object) -> str:
        random = np.random.default_rng(rows)
        whole = {
            "x": random.normal(size=(rows, 3)),
            "y": np.arange(rows) % 2,
            "clean": np.arange(rows) < 12,
        } | arrays
        np.savez(self.folder / file, **{key: value for key, value in whole.items() if value is not None})
        return self.path(file)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture
def marked(desk: Desk) -> Sources:
    """A table whose column "ok" marks the checked rows."""
    return Sources(train=desk.table(), target="label", clean_column="ok")
