"""CIFAR-10 and CIFAR-100 from the publisher's binary version: plain bytes, so that nothing is unpickled.

A record is one label byte (two in CIFAR-100: coarse, then fine) and 3,072 pixels, planes of red, green and
blue of 32 by 32. The records have no header, so a file's length is all that tells whether it is whole.
"""

import gzip
import os
import tarfile
import tempfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from ..errors import BadInput, ReweighError
from .class_names import CIFAR10, CIFAR100_COARSE, CIFAR100_FINE
from .examples import Examples, Splits
from .files import check_plain, storing
from .sources import Source

_PIXELS = 3 * 32 * 32
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Layout:
    """How the publisher lays a CIFAR set out.

    Attributes:
        folder: its folder under the data root, and within the archive.
        archive: the archive's name, and `sha256` its checksum.
        train, test: the record files in their order.
        train_records, test_records: how many records each file of a part holds.
        classes: the names for each of a record's label bytes, in their order.
    """

    folder: str
    archive: str
    sha256: str
    train: tuple[str, ...]
    test: tuple[str, ...]
    train_records: int
    test_records: int
    classes: tuple[tuple[str, ...], ...]

    def size(self, name: str) -> int:
        """How many bytes the record file `name` holds."""
        return (self.train_records if name in self.train else self.test_records) * self.record

    @property
    def record(self) -> int:
        """How many bytes a record is long."""
        return len(self.classes) + _PIXELS


CIFAR10_LAYOUT = Layout(
    folder="cifar-10-batches-bin",
    archive="cifar-10-binary.tar.gz",
    sha256="c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    train=tuple(f"data_batch_{number}.bin" for number in range(1, 6)),
    test=("test_batch.bin",),
    train_records=10_000,
    test_records=10_000,
    classes=(CIFAR10,),
)
CIFAR100_LAYOUT = Layout(
    folder="cifar-100-binary",
    archive="cifar-100-binary.tar.gz",
    sha256="58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
    train=("train.bin",),
    test=("test.bin",),
    train_records=50_000,
    test_records=10_000,
    classes=(CIFAR100_COARSE, CIFAR100_FINE),
)


def load_cifar(source: Source, layout: Layout, *, coarse: bool = False) -> Splits:
    """Both parts: float32 (N, 3, 32, 32) within [0, 1]; ids count through train and on through test.

    The folder is read where it is complete; what it lacks is taken from the archive, downloaded if need be.
    `coarse` takes the first label byte (CIFAR-100's 20 superclasses) instead of the last.

    Raises:
        BadInput: a file or the archive is missing, truncated or corrupt.
        DownloadFailed: the archive could not be fetched, or its files not be stored.
    """
    missing = [name for name in layout.train + layout.test if not (source.root / layout.folder / name).exists()]
    if missing:
        archive = source.obtain(layout.archive, "", layout.sha256)
        extract(archive, source.root, layout, missing)
    column = 0 if coarse else len(layout.classes) - 1
    train = _read_part(source.root, layout, layout.train, column, first_id=0)
    return Splits(train, _read_part(source.root, layout, layout.test, column, first_id=len(train)))


def extract(archive: Path, root: Path, layout: Layout, names: Collection[str]) -> None:
    """Take the files `names` of `layout.folder` out of the archive, all of them or none, and nothing else.

    Raises:
        BadInput: the archive is truncated or corrupt, or lacks one of the files.
        DownloadFailed: a file could not be stored.
    """
    folder = root / layout.folder
    check_plain(archive)
    with storing(folder):
        unpacking = tempfile.TemporaryDirectory(dir=root, prefix=f".{layout.folder}.")
    with unpacking as temporary:
        _unpack(archive, Path(temporary), layout, names)
        with storing(folder):
            folder.mkdir(exist_ok=True)
            for name in names:
                os.replace(Path(temporary, name), folder / name)


def _unpack(archive: Path, temporary: Path, layout: Layout, names: Collection[str]) -> None:
    # One pass in the archive's own order: going back would decompress it from the start again.
    wanted = {f"{layout.folder}/{name}": name for name in names}
    with _sound(archive), gzip.open(archive) as unpacked, tarfile.open(fileobj=unpacked, mode="r:") as members:
        for member in members:
            stored = members.extractfile(member) if member.isreg() and member.name in wanted else None
            if stored is not None and member.size == layout.size(wanted[member.name]):
                content, destination = stored.read(), temporary / wanted.pop(member.name)
                with storing(destination), destination.open("wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
        while unpacked.read(_CHUNK):  # to the end, where gzip verifies its checksum
            pass
    if wanted:
        raise BadInput(f"{archive} lacks {min(wanted)} at its full length: delete it, and it will be downloaded again")


@contextmanager
def _sound(archive: Path) -> Iterator[None]:
    """Turn what goes wrong in reading the archive into one sentence."""
    try:
        yield
    except ReweighError:
        raise
    except (tarfile.TarError, EOFError, zlib.error, OSError) as corrupt:
        raise BadInput(f"{archive} is cut short or corrupt: delete it, and it will be downloaded again") from corrupt


def _read_part(root: Path, layout: Layout, names: tuple[str, ...], column: int, first_id: int) -> Examples:
    total = sum(map(layout.size, names)) // layout.record
    x, y, first = torch.empty(total, 3, 32, 32), torch.empty(total, dtype=torch.int64), 0
    for name in names:
        records = _read_records(root / layout.folder / name, layout)
        rows = slice(first, first := first + len(records))
        y[rows] = torch.from_numpy(records[:, column]).long()
        pixels = torch.from_numpy(records[:, len(layout.classes) :]).view(-1, 3, 32, 32)
        x[rows].copy_(pixels).div_(255)  # in place: the set is 0.6 GB and must not be there twice
    return Examples(x, y, torch.arange(first_id, first_id + total), layout.classes[column])


def _read_records(path: Path, layout: Layout) -> npt.NDArray[np.uint8]:
    """The records (R, bytes) of one file, once its length and its labels are known to be right."""
    again = "delete it, and it will be taken from the publisher's archive again"
    check_plain(path)
    try:
        if (size := path.stat().st_size) != layout.size(path.name):
            raise BadInput(f"{path} holds {size} bytes instead of {layout.size(path.name)}: {again}")
        raw = np.fromfile(path, dtype=np.uint8)
    except OSError as failed:
        raise BadInput(f"{path} cannot be read ({failed.strerror}): check the file and its permissions") from failed
    records = raw.reshape(-1, layout.record)
    for column, names in enumerate(layout.classes):
        row = int(records[:, column].argmax())
        if records[row, column] >= len(names):
            raise BadInput(
                f"record {row} of {path} has label {records[row, column]}, outside 0..{len(names) - 1}: {again}"
            )
    return records
