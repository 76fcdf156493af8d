"""The arrays of a .npz file, and whether they can be used.

A file may not hold Python objects: those are pickles, and to unpickle is to run what a stranger wrote. What a header says is
held against what the archive holds before anything of that size is made, and only arrays that are used are unpacked.
"""

import math
import struct
import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import BadInput
from ...words import counted, meant, shown

Array = npt.NDArray[Any]

MOST_UNPACKED, MOST_RATIO = 64 << 20, 250
"""An array that unpacks into more bytes than both say is refused: a few kilobytes can unpack into gigabytes."""

LARGEST = 1e30
"""Numbers beyond cannot be learned from."""

_DAMAGED = (OSError, ValueError, EOFError, KeyError, TypeError, SyntaxError, MemoryError, RuntimeError, struct.error,
            NotImplementedError, OverflowError, zipfile.BadZipFile, zlib.error)  # fmt: skip
"""What NumPy and zipfile raise over a damaged, an encrypted or a lying file."""


class NpzFile:
    """The file at `path`: `names` of its arrays, each read when it is asked for; nothing is unpickled.

    Raises:
        BadInput: the file is no archive of arrays.
    """

    def __init__(self, path: Path) -> None:
        """Read the archive's directory."""
        self.path = path
        if not path.is_file():
            raise BadInput(f"{path} is a folder where a .npz file is expected: give a file that numpy.savez wrote")
        try:
            with open(path, "rb") as file:
                single = file.read(6) == b"\x93NUMPY"
            if single:
                raise BadInput(
                    f"{path} holds a single array: save inputs and targets together, numpy.savez(path, x=x, y=y)"
                )
            with zipfile.ZipFile(path) as archive:
                members = [member.filename for member in archive.infolist() if member.filename.endswith(".npy")]
                self._objects = {name for name in members if self._header(archive, name).hasobject}
        except BadInput:
            raise
        except _DAMAGED as refused:
            raise self._unreadable() from refused
        self.names = [name.removesuffix(".npy") for name in members]
        twice = next((name for name in self.names if self.names.count(name) > 1), None)
        if twice is not None:
            raise BadInput(f"{path} has two arrays named {shown(twice)}: write it again with numpy.savez")

    def load(self, name: str) -> Array:
        """The array of that name, in this machine's order of bytes; text in bytes becomes text.

        Raises:
            BadInput: it is damaged, claims what it does not hold, or holds Python objects.
        """
        try:
            with zipfile.ZipFile(self.path) as archive:
                member = archive.getinfo(f"{name}.npy")
                self._check(member, name)
                with archive.open(member) as file:
                    array = np.lib.format.read_array(file, allow_pickle=False)
                    if file.read(1):
                        raise ValueError("more bytes than the header says")
        except BadInput:
            raise
        except _DAMAGED as refused:
            raise self._unreadable() from refused
        if array.dtype.kind == "S":
            array = self._as_text(array, name)
        return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))

    def _header(self, archive: zipfile.ZipFile, name: str) -> np.dtype[Any]:
        """The type that an array's header says, once what else it says is true."""
        member = archive.getinfo(name)
        with archive.open(member) as file:
            version = np.lib.format.read_magic(file)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, _, dtype = read(file)
            said = file.tell() + dtype.itemsize * math.prod(shape)
        if (said != member.file_size and not dtype.hasobject) or member.compress_size > self.path.stat().st_size:
            raise ValueError("the header does not say what is there")
        return dtype

    def _check(self, member: zipfile.ZipInfo, name: str) -> None:
        size, packed = member.file_size, max(member.compress_size, 1)
        if size > MOST_UNPACKED and size > MOST_RATIO * packed:
            raise BadInput(
                f"{shown(name)} of {self.path} unpacks into {size // packed:,} times its size: save it with numpy.savez, "
                "which does not compress, if that is meant"
            )
        if member.filename in self._objects:
            raise BadInput(
                f"{self.path} holds Python objects, which can run code when they are read: save arrays of numbers or "
                "strings"
            )

    def _as_text(self, array: Array, name: str) -> Array:
        try:
            return np.char.decode(array, "utf-8")
        except UnicodeDecodeError as wrong:
            raise BadInput(f"{shown(name)} of {self.path} holds bytes that are no UTF-8: save it as strings") from wrong

    def _unreadable(self) -> BadInput:
        return BadInput(f"{self.path} cannot be read as a .npz file: write it again with numpy.savez(path, x=x, y=y)")


def named(known: Collection[str], wanted: str | None, usual: tuple[str, ...], path: Path, what: str) -> str:
    """The name of the array that is wanted, or the first of its usual names."""
    if wanted is not None and wanted not in known:
        raise BadInput(f"{path} has no array {shown(wanted)}: {meant(wanted, list(known))}")
    name = wanted or next((name for name in usual if name in known), None)
    if name is None:
        raise BadInput(f"{path} has no array for {what}: call it {shown(usual[0])}, as in numpy.savez(path, x=x, y=y)")
    return name


def inputs(x: Array, name: str, path: Path) -> Array:
    """x as it is to be learned from: images of bytes (N, channels, H, W) as they are, all else as finite numbers.

    Raises:
        BadInput: x is no array of numbers with a row an example, or holds NaN, infinity or numbers beyond 1e30.
    """
    if x.dtype.kind not in "biuf" or x.ndim < 2 or not x.size:
        raise BadInput(
            f"{shown(name)} of {path} has type {x.dtype} and shape {x.shape}: give numbers, one row or more an example"
        )
    if x.dtype == np.uint8 and x.ndim in (3, 4):
        return _channels_first(x)
    if x.dtype.kind == "f":
        _check_finite(x, name, path)
    if x.dtype.kind == "f" and x.dtype.itemsize > 8:
        return x.astype(np.float64)
    return x.astype(np.float32) if x.dtype.itemsize < 4 or x.dtype == bool else x


def _check_finite(x: Array, name: str, path: Path) -> None:
    for row, example in enumerate(x) if not (np.isfinite(x.min()) and np.isfinite(x.max())) else ():
        if not np.isfinite(example).all():
            raise BadInput(f"row {row} of {shown(name)} in {path} holds NaN or infinity: repair or drop it")
    if max(abs(float(x.min())), abs(float(x.max()))) > LARGEST:
        row = int(np.flatnonzero((np.abs(x) > LARGEST).reshape(len(x), -1).any(axis=1))[0])
        raise BadInput(f"row {row} of {shown(name)} in {path} is too large to learn from: repair or drop it")


def _channels_first(x: Array) -> Array:
    if x.ndim == 3:
        return x[:, None]
    return x.transpose(0, 3, 1, 2) if x.shape[1] not in (1, 3) and x.shape[3] in (1, 3) else x


def check_length(column: Array, size: int, name: str, path: Path) -> Array:
    """The array, once it is known to hold one value for each of `size` examples: a number, a truth value or a text."""
    if column.ndim != 1 or len(column) != size:
        has = counted(len(column), "row") if column.ndim else "a single value"
        raise BadInput(
            f"{shown(name)} of {path} has {has} of shape {column.shape}, the inputs have {size}: give one an example"
        )
    if column.dtype.kind not in "biufU":
        raise BadInput(f"{shown(name)} of {path} has type {column.dtype}: give numbers or strings")
    return column.astype(np.float64) if column.dtype.kind == "f" and column.dtype.itemsize > 8 else column
