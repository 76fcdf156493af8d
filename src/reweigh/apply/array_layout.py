"""NumPy files: arrays x and y, and others with as many rows."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from reweigh.apply.edits import Chosen, Edits
from reweigh.arrow import pa
from reweigh.data.own.arrays import INPUTS, TARGETS
from reweigh.data.own.npz_file import NpzFile, named
from reweigh.data.own.paths import existing

Arrays = dict[str, npt.NDArray[Any]]


class ArrayLayout:
    """Writes .npz files, in which inputs and targets are called as in the training file: `x` and `y`."""

    keeps_order = True

    def __init__(self, x: str, y: str) -> None:
        self._x, self._target = x, y

    def copy(self, source: str, folder: Path, edits: Edits) -> Path:
        """The arrays at `source` in a file of its name; those with a row an example lose the rows that go."""
        place = existing(source)
        target = folder / place.name
        arrays: Any = self._chosen(Chosen(source, np.flatnonzero(edits.kept), edits))
        np.savez(target, **arrays)
        return target

    def together(self, parts: Sequence[Chosen], folder: Path, name: str) -> Path:
        """The rows of several files in one, of the arrays that the first has as well as the others."""
        found = [self._chosen(part) for part in parts]
        shared = [key for key in found[0] if all(key in other for other in found)]
        arrays: Any = {key: np.concatenate([each[key] for each in found]) for key in shared}
        np.savez(folder / f"{name}.npz", **arrays)
        return folder / f"{name}.npz"

    def targets(self, source: str, names: Sequence[str]) -> list[Any]:
        """The targets as they stand there, an Arrow array of each."""
        y = NpzFile(existing(source)).load(self._target)
        columns = y.T if y.ndim > 1 and y.shape[1] == len(names) else [y.reshape(len(y))]
        return [pa.array(np.ascontiguousarray(column)) for column in columns]

    def _chosen(self, part: Chosen) -> Arrays:
        path, size = existing(part.path), len(part.edits.kept)
        arrays = self._named(NpzFile(path), path)
        y = arrays[self._target] = arrays[self._target].copy()
        for row, cells in part.edits.cells.items():
            y[row] = np.asarray(cells if y.ndim > 1 and y.shape[1] > 1 else cells[0], dtype=y.dtype)
        return {name: a[part.rows] if a.ndim and len(a) == size else a for name, a in arrays.items()}

    def _named(self, file: NpzFile, path: Path) -> Arrays:
        """The file's arrays; another file may call inputs and targets otherwise."""
        found = {name: file.load(name) for name in file.names}
        for ours, usual, what in ((self._x, INPUTS, "the inputs"), (self._target, TARGETS, "the targets")):
            if ours not in found:
                found[ours] = found.pop(named(file.names, None, usual, path, what))
        return found
