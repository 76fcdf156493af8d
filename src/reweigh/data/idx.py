"""MNIST and Fashion-MNIST from their publishers' idx files, gzip-compressed or unpacked.

An idx file is a header of big-endian numbers (a magic number that tells type and dimensions, then the length
of each dimension) and the bytes themselves. Files that are there are judged by what they hold, not by a
checksum, because many people keep them repacked.
"""

import gzip
import math
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ..errors import BadInput
from .examples import Examples, Splits
from .files import check_plain
from .sources import Source

Bytes = npt.NDArray[np.uint8]

_BYTE_TYPE = 0x08
_LARGEST = 1 << 28  # bytes; a header that claims more is no header
_CHUNK = 1 << 20
_PARTS = {"train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
          "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")}  # fmt: skip


def load_idx(source: Source, folder: str, sha256: Mapping[str, str], classes: tuple[str, ...]) -> Splits:
    """Both parts of a data set in `root/folder`; `sha256` by the names of the four .gz files, for the download.

    Images become float32 (N, 1, 28, 28) within [0, 1]. Ids count through train and on through test.

    Raises:
        BadInput: a file is missing, truncated, corrupt, of another kind or does not fit its partner.
        DownloadFailed: a missing file could not be fetched.
    """
    parts, first = [], 0
    for names in _PARTS.values():
        images, labels = (_locate(source, folder, name, sha256) for name in names)
        x, y = read_images(images), read_labels(labels)
        if len(x) != len(y):
            raise BadInput(f"{images} holds {len(x)} images but {labels} {len(y)} labels: get both from one publisher")
        _check_range(y, labels, len(classes))
        parts.append(Examples(x, y, torch.arange(first, first + len(y)), classes))
        first += len(y)
    return Splits(*parts)


def read_images(path: Path, side: int = 28) -> Tensor:
    """Images as float32 (N, 1, side, side) within [0, 1]."""
    pixels = read_idx(path, dimensions=3)
    if pixels.shape[1:] != (side, side):
        height, width = pixels.shape[1:]
        raise BadInput(f"{path} holds images of {height} by {width} pixels instead of {side} by {side}: replace it")
    return torch.from_numpy(pixels).unsqueeze(1).float().div_(255)


def read_labels(path: Path) -> Tensor:
    """Labels as int64 (N,)."""
    return torch.from_numpy(read_idx(path, dimensions=1)).long()


def read_idx(path: Path, dimensions: int) -> Bytes:
    """The unsigned bytes of an idx file with so many dimensions, unpacked if its name ends in .gz.

    Raises:
        BadInput: the file is truncated, longer than its header says, corrupt, or no such file at all.
    """
    check_plain(path)
    try:
        # GzipFile is a binary file in all but its declared type.
        with cast(BinaryIO, gzip.open(path)) if path.suffix == ".gz" else path.open("rb") as file:
            return _parse(file, path, dimensions)
    except EOFError as short:
        raise _truncated(path) from short
    except (gzip.BadGzipFile, zlib.error) as corrupt:
        raise BadInput(f"{path} is not a sound gzip file: delete it, and it will be downloaded again") from corrupt
    except OSError as failed:
        raise BadInput(f"{path} cannot be read ({failed.strerror}): check the file and its permissions") from failed


def _parse(file: BinaryIO, path: Path, dimensions: int) -> Bytes:
    header = file.read(4 + 4 * dimensions)
    if header[:4] != bytes((0, 0, _BYTE_TYPE, dimensions))[: len(header)]:
        raise BadInput(
            f"{path} begins with {header[:4].hex(' ')}, so it is not an idx file of bytes in {dimensions} "
            "dimension(s): delete it, and it will be downloaded again"
        )
    if len(header) < 4 + 4 * dimensions:
        raise _truncated(path)
    shape = struct.unpack(f">{dimensions}I", header[4:])
    if math.prod(shape) > _LARGEST or 0 in shape:
        raise BadInput(f"{path} claims the shape {shape}, which cannot be: delete it, and it will be downloaded again")
    content = bytearray()  # grows with what is there, whatever the header claims
    while chunk := file.read(min(_CHUNK, math.prod(shape) - len(content))):
        content += chunk
    if len(content) < math.prod(shape):
        raise _truncated(path)
    if file.read(1):  # reading past the end also makes gzip verify its own checksum
        raise BadInput(f"{path} is longer than its header says: delete it, and it will be downloaded again")
    return np.frombuffer(content, dtype=np.uint8).reshape(shape)


def _truncated(path: Path) -> BadInput:
    return BadInput(f"{path} is cut short: delete it, and it will be downloaded again")


def _check_range(labels: Tensor, path: Path, classes: int) -> None:
    if int(labels.max()) >= classes:
        row = int((labels >= classes).nonzero()[0])
        raise BadInput(
            f"{path} holds the label {int(labels[row])} in row {row}, outside 0..{classes - 1}: "
            "delete it, and it will be downloaded again"
        )


def _locate(source: Source, folder: str, name: str, sha256: Mapping[str, str]) -> Path:
    unpacked, packed = source.root / folder / name, f"{name}.gz"
    return unpacked if unpacked.exists() else source.obtain(packed, folder, sha256[packed])
