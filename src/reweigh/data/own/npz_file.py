"""The arrays of a .npz file, and whether they can be used.

A file may not hold Python objects: those are pickles, and to unpickle is to run what a stranger wrote.
"""

import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import BadInput
from .words import counted, meant, shown

Array = npt.NDArray[Any]

_DAMAGED = (OSError, ValueError, EOFError, KeyError, TypeError, SyntaxError, MemoryError, RuntimeError, struct.error,
            zipfile.BadZipFile, zlib.error)  # fmt: skip
"""What NumPy and zipfile raise over a damaged, an encrypted or a lying file."""


def load_arrays(path: Path) -> dict[str, Array]:
    """All arrays of the file; nothing is unpickled.

    Raises:
        BadInput: the file is damaged, or an array holds Python objects.
    """
    if not path.is_file():
        raise BadInput(f"{path} is a folder where a .npz file is expected: give a file that numpy.savez wrote")
    try:
        _check_magic(path)
        with np.load(path, allow_pickle=False) as file:
            if not isinstance(file, np.lib.npyio.NpzFile):
                raise BadInput(
                    f"{path} holds a single array: save inputs and targets together, numpy.savez(path, x=x, y=y)"
                )
            return {name: file[name] for name in file.files}
    except BadInput:
        raise
    except _DAMAGED as refused:
        if "allow_pickle" in str(refused) or "pickle" in str(refused):
            raise BadInput(
                f"{path} holds Python objects, which can run code when they are read: save arrays of numbers or strings"
            ) from refused
        raise BadInput(
            f"{path} cannot be read as a .npz file: write it again with numpy.savez(path, x=x, y=y)"
        ) from refused


def _check_magic(path: Path) -> None:
    with open(path, "rb") as file:
        single = file.read(6) == b"\x93NUMPY"
    if not single and not zipfile.is_zipfile(path):  # NumPy would take it for a pickle
        raise zipfile.BadZipFile(path)


def named(arrays: dict[str, Array], wanted: str | None, usual: tuple[str, ...], path: Path, what: str) -> str:
    """The name of the array that is wanted, or the first of its usual names."""
    if wanted is not None and wanted not in arrays:
        raise BadInput(f"{path} has no array {shown(wanted)}: {meant(wanted, list(arrays))}")
    name = wanted or next((name for name in usual if name in arrays), None)
    if name is None:
        raise BadInput(f"{path} has no array for {what}: call it {shown(usual[0])}, as in numpy.savez(path, x=x, y=y)")
    return name


def inputs(x: Array, name: str, path: Path) -> Array:
    """x as it is to be learned from: images of bytes (N, channels, H, W) as they are, all else as finite numbers.

    Raises:
        BadInput: x is no array of numbers with a row an example, or holds NaN or infinity.
    """
    if x.dtype.kind not in "biuf" or x.ndim < 2 or not x.size:
        raise BadInput(
            f"{shown(name)} of {path} has type {x.dtype} and shape {x.shape}: give numbers, one row or more an example"
        )
    if x.dtype == np.uint8 and x.ndim in (3, 4):
        return _channels_first(x)
    if x.dtype.kind == "f" and not np.isfinite(x).all():
        row = int(np.flatnonzero(~np.isfinite(x).reshape(len(x), -1).all(axis=1))[0])
        raise BadInput(f"row {row} of {shown(name)} in {path} holds NaN or infinity: repair or drop it")
    return x.astype(np.float32) if x.dtype.itemsize < 4 or x.dtype == bool else x


def _channels_first(x: Array) -> Array:
    if x.ndim == 3:
        return x[:, None]
    return x.transpose(0, 3, 1, 2) if x.shape[1] not in (1, 3) and x.shape[3] in (1, 3) else x


def check_length(column: Array, size: int, name: str, path: Path) -> Array:
    """The array, once it is known to hold one value for each of `size` examples."""
    if column.ndim != 1 or len(column) != size:
        has = counted(len(column), "row") if column.ndim else "a single value"
        raise BadInput(
            f"{shown(name)} of {path} has {has} of shape {column.shape}, the inputs have {size}: give one an example"
        )
    return column
