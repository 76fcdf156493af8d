"""A ledger's files: one Parquet file an epoch, of one row group, in a folder that tools read as one data set.

A Parquet file ends with its table of contents and cannot be added to once it is closed; a file that stays open all through
training is unreadable until the end, and lost with the process. A file an epoch is whole or not there.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from reweigh.errors import BadInput, require
from reweigh.ledger.merge import Columns
from reweigh.storage import cannot_write, write_bytes

FORMAT = "1"
_NAME = re.compile(r"epoch-(\d{5,})\.parquet")
_TYPES = {
    "id": "int64",
    "visits": "int32",
    "zeros": "int32",
    "weight": "float32",
    "alignment": "float32",
    "loss": "float32",
}


def part_path(folder: Path, epoch: int) -> Path:
    """Where the part of epoch `epoch` (from 1) is."""
    return folder / f"epoch-{epoch:05d}.parquet"


def epochs_in(folder: Path) -> list[int]:
    """The epochs that have a part, ascending; none where there is no such folder."""
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    return sorted(int(match[1]) for match in map(_NAME.fullmatch, names) if match)


def remove(folder: Path, epochs: list[int]) -> None:
    """Take the parts of these epochs away, the last first, and what a killed process left of one.

    Raises:
        ReweighError: if the system refuses.
    """
    try:
        for epoch in sorted(epochs, reverse=True):
            part_path(folder, epoch).unlink(missing_ok=True)
        for left in folder.glob(".epoch-*.parquet.part"):
            left.unlink(missing_ok=True)
    except OSError as refused:
        raise cannot_write(folder, refused) from refused


def write_part(folder: Path, epoch: int, columns: Columns, run: str) -> Path:
    """Write one epoch, whole or not at all; a part that is there already is replaced.

    Raises:
        ReweighError: if the disk refuses.
    """
    pa, parquet = require("pyarrow", "cli"), require("pyarrow.parquet", "cli")
    rows = 0 if columns["id"] is None else len(columns["id"])
    arrays = {"epoch": pa.repeat(pa.scalar(epoch, pa.int32()), rows)}
    for name, kind in _TYPES.items():
        arrays[name] = pa.array(columns[name], type=pa.type_for_alias(kind), from_pandas=True)
    labels = columns["given_label"]
    arrays["given_label"] = pa.nulls(rows, pa.int64()) if labels is None else pa.array(labels, from_pandas=True)
    table = pa.table(arrays).replace_schema_metadata({"reweigh.ledger": FORMAT, "reweigh.run": run})
    sink, path = pa.BufferOutputStream(), part_path(folder, epoch)
    parquet.write_table(
        table,
        sink,
        row_group_size=max(rows, 1),
        compression="zstd",
        write_page_checksum=True,  # a flipped bit is damage, not another weight
        use_dictionary=["epoch", "visits", "zeros", "given_label"],
    )
    write_bytes(path, memoryview(sink.getvalue()))
    return path


def read_mark(folder: Path, epoch: int) -> str:
    """The mark of the run that an epoch's part belongs to.

    Raises:
        BadInput: as `read_part`.
    """
    with _opened(folder, epoch) as file:
        return _mark(file.schema_arrow)


def read_part(folder: Path, epoch: int) -> tuple[Mapping[str, Any], str]:
    """The columns of one epoch as numpy arrays (null as NaN), and the run it belongs to.

    Raises:
        BadInput: if the file is missing, damaged, or no part of a ledger of this version.
    """
    with _opened(folder, epoch) as file:
        run, table = _mark(file.schema_arrow), file.read()
    return {name: table.column(name).to_numpy() for name in (*_TYPES, "given_label")}, run


@contextmanager
def _opened(folder: Path, epoch: int) -> Iterator[Any]:
    pa, parquet = require("pyarrow", "cli"), require("pyarrow.parquet", "cli")
    path = part_path(folder, epoch)
    try:
        with parquet.ParquetFile(path, page_checksum_verification=True) as file:
            metadata = file.schema_arrow.metadata or {}
            if metadata.get(b"reweigh.ledger") != FORMAT.encode():
                raise BadInput(f"{path} is no part of a ledger that this version of reweigh can read: train again")
            yield file
    except FileNotFoundError as missing:
        raise BadInput(f"{path} is missing: put it back, the ledger has later epochs") from missing
    except (pa.ArrowException, OSError) as broken:
        raise BadInput(f"{path} is damaged: put a good copy back, or train again") from broken


def _mark(schema: Any) -> str:
    mark: str = schema.metadata.get(b"reweigh.run", b"").decode(errors="replace")
    return mark
