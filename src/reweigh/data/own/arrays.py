"""NumPy files: arrays x and y, and where they are there, id and clean.

Numbers are brought to a mean of 0 and a deviation of 1, in a table of them column by column; images of bytes stay
bytes.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ...arrow import pa
from ...errors import BadInput
from ...words import shown
from .npz_file import Array, NpzFile, check_length, inputs, named
from .paths import existing
from .rows import Rows
from .sources import Sources
from .table_rows import check_keys
from .values import BoolArray, one_spelling

INPUTS = ("x", "X", "features", "images", "data")
TARGETS = ("y", "Y", "labels", "label", "target", "targets")
IDS = ("id", "ids")
CHECKED = ("clean", "checked")

AT_ONCE = 64 << 20
"""Bytes of an array that are worked on at a time."""


class Called(NamedTuple):
    """The arrays' names in the training file."""

    x: str
    y: str
    id: str | None
    checked: str | None


class ArrayReader:
    """Reads .npz files; x is float32, or uint8 images (N, channels, H, W)."""

    kind = "arrays"

    def __init__(self, called: Called, targets: tuple[str, ...], shape: tuple[int, ...], scale: "Scale | None") -> None:
        """Arrays by these names, with `shape` an example; `scale` is None for images of bytes."""
        self.called, self.target_names, self.scale = called, targets, scale
        self.input_shape: tuple[int, ...] = shape
        self.model_options: dict[str, Any] = {}
        self.notes = list[str]()

    @classmethod
    def learned(cls, sources: Sources) -> "ArrayReader":
        """The reader for the training file.

        Raises:
            BadInput: an array is missing, or holds what cannot be learned from.
        """
        path = existing(sources.train)
        file = NpzFile(path)
        called = Called(
            named(file.names, None, INPUTS, path, "the inputs"),
            named(file.names, sources.target, TARGETS, path, "the targets"),
            _maybe(file.names, sources.id_column, IDS, path),
            _maybe(file.names, sources.clean_column, () if sources.clean or sources.clean_ids else CHECKED, path),
        )
        y = file.load(called.y)
        many = y.ndim == 2 and y.shape[1] > 1
        targets = tuple(f"{called.y} {place}" for place in range(y.shape[1])) if many else (called.y,)
        x = inputs(file.load(called.x), called.x, path)
        return cls(called, targets, x.shape[1:], None if x.dtype == np.uint8 else Scale.of(x))

    @classmethod
    def restored(cls, kept: dict[str, Any]) -> "ArrayReader":
        """The reader that `as_json` wrote down."""
        scale = None if kept["mean"] is None else Scale(np.asarray(kept["mean"]), np.asarray(kept["deviation"]))
        called = Called(kept["x"], kept["y"], kept["id"], None)
        return cls(called, tuple(kept["targets"]), tuple(int(size) for size in kept["shape"]), scale)

    def as_json(self) -> dict[str, Any]:
        """The arrays' names, and their scale."""
        mean, deviation = (
            (None, None) if self.scale is None else (self.scale.mean.tolist(), self.scale.deviation.tolist())
        )
        named_so = {"x": self.called.x, "y": self.called.y, "id": self.called.id, "targets": list(self.target_names)}
        return named_so | {"shape": list(self.input_shape), "mean": mean, "deviation": deviation}

    def rows(self, path: str, part: str) -> Rows:
        """The examples of the file at `path`."""
        place = existing(path)
        file = NpzFile(place)
        name = named(file.names, self.called.x if self.called.x in file.names else None, INPUTS, place, "the inputs")
        x = self._scaled(inputs(file.load(name), name, place), place)
        has_y = part != "new" or self.called.y in file.names
        wanted = self.called.y if self.called.y in file.names else None
        y = named(file.names, wanted, TARGETS, place, "the targets") if has_y else None
        return Rows(
            where=str(place),
            x=x,
            targets=() if y is None else self._targets(file.load(y), len(x), y, place),
            keys=self._keys(file, len(x), place),
            checked=self._checked(file, len(x), place) if part == "train" else None,
            table=pa.table({"row": np.arange(len(x))}) if part == "new" else None,
        )

    def _scaled(self, x: Array, path: Path) -> Tensor:
        if x.shape[1:] != self.input_shape or (x.dtype == np.uint8) != (self.scale is None):
            raise BadInput(
                f"an example of {path} has shape {x.shape[1:]} and type {x.dtype}, those of the training file "
                f"{self.input_shape}: save both alike"
            )
        return torch.from_numpy(np.ascontiguousarray(x if self.scale is None else self.scale.apply(x)))

    def _targets(self, y: Array, size: int, name: str, path: Path) -> tuple[Any, ...]:
        wide = y.ndim == 2 and y.shape[1] == len(self.target_names)
        columns = list(y.T) if wide else [y]
        if not wide and (y.ndim != 1 or len(self.target_names) > 1):
            raise BadInput(
                f"{shown(name)} of {path} has shape {y.shape}: give (N,) classes or numbers, or (N, L) zeros and ones"
            )
        return tuple(pa.array(np.ascontiguousarray(check_length(c, size, name, path))) for c in columns)

    def _keys(self, file: NpzFile, size: int, path: Path) -> Any:
        name = self.called.id
        if name is None or name not in file.names:
            return None
        keys = pa.array(check_length(file.load(name), size, name, path)).cast(pa.string())
        keys = one_spelling(keys)
        check_keys(keys, name, str(path))
        return keys

    def _checked(self, file: NpzFile, size: int, path: Path) -> BoolArray | None:
        name = self.called.checked
        if name is None:
            return None
        mask = check_length(file.load(name), size, name, path)
        if mask.dtype.kind not in "biu" or not np.isin(mask, (0, 1)).all():
            raise BadInput(f"{shown(name)} of {path} is no mask of the clean rows: give one true or false for each row")
        return mask.astype(bool)


class Scale(NamedTuple):
    """Mean and deviation: one of each a column where x is (N, F), else one number for all."""

    mean: npt.NDArray[np.float64]
    deviation: npt.NDArray[np.float64]

    @classmethod
    def of(cls, x: Array) -> "Scale":
        """Those of x (N, ...); numbers that lie in [0, 1] already, as those of images do, are left as they are."""
        if x.ndim > 2 and x.min() >= 0 and x.max() <= 1:
            return cls(np.zeros(()), np.ones(()))
        axes = 0 if x.ndim == 2 else None
        mean = x.mean(axis=axes, dtype=np.float64)
        deviation = x.std(axis=axes, dtype=np.float64) if x.nbytes <= AT_ONCE else _deviation(x, mean)
        return cls(np.asarray(mean), np.where(deviation > 0, deviation, 1.0))

    def apply(self, x: Array) -> npt.NDArray[np.float32]:
        """x as float32, with mean 0 and deviation 1."""
        scaled = np.empty(x.shape, dtype=np.float32)
        for rows in _blocks(x):
            scaled[rows] = (x[rows] - self.mean) / self.deviation
        return scaled


def _blocks(x: Array) -> list[slice]:
    """Rows of x a few at a time, so that a copy of them in float64 stays small."""
    step = max(1, AT_ONCE // (8 * max(x[:1].size, 1)))
    return [slice(start, start + step) for start in range(0, len(x), step)]


def _deviation(x: Array, mean: Any) -> Any:
    """As `x.std`, without a copy of x."""
    axes = 0 if x.ndim == 2 else None
    squares = sum(((x[rows] - mean) ** 2).sum(axis=axes) for rows in _blocks(x))
    return np.sqrt(squares / (len(x) if x.ndim == 2 else x.size))


def _maybe(arrays: list[str], wanted: str | None, usual: tuple[str, ...], path: Path) -> str | None:
    if wanted is None and not any(name in arrays for name in usual):
        return None
    return named(arrays, wanted, usual, path, "this")
