"""A ledger's files: one Parquet file an epoch, of one row group, in a folder that tools read as one data set.

A Parquet file ends with its table of contents and cannot be added to once it is closed; a file that stays open all through
training is unreadable until the end, and lost with the process. A file an epoch is whole or not there.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from reweigh.arrow import pa, parquet
from reweigh.digests import Digests
from reweigh.errors import BadInput
from reweigh.ledger.merge import Columns
from reweigh.storage import cannot_write, read_plain, write_bytes

FORMAT = "1"
_NAME = re.compile(r"epoch-(\d{5,})\.parquet")
_ALIAS = {"float32": "float"}
_ROWS_A_BYTE = 16
"""No id is there twice, so that a row takes some bits however well it is compressed."""
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


def write_part(folder: Path, epoch: int, columns: Columns, run: str, digests: Digests | None = None) -> Path:
    """Write one epoch, whole or not at all; a part that is there already is replaced. `digests` keep that of the file.

    Raises:
        ReweighError: if the disk refuses.
    """
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
    (write_bytes if digests is None else digests.write)(path, memoryview(sink.getvalue()))
    return path


def read_mark(folder: Path, epoch: int) -> str:
    """The mark of the run that an epoch's part belongs to.

    Raises:
        BadInput: as `read_part`.
    """
    with _opened(folder, epoch) as file:
        return _mark(file.schema_arrow)


def read_part(folder: Path, epoch: int, digests: Digests | None = None) -> tuple[Mapping[str, Any], str]:
    """The columns of one epoch as numpy arrays (null as NaN), and the run it belongs to; its content held against `digests`.

    Raises:
        BadInput: if the file is missing, damaged, or no part of a ledger of this version.
    """
    with _opened(folder, epoch, digests) as file:
        run = _mark(file.schema_arrow)
        _check_shape(file, part_path(folder, epoch))
        table = file.read()  # the column that nobody needs as well: its checksum speaks for the file
    return {name: table.column(name).to_numpy() for name in (*_TYPES, "given_label")}, run


def _check_shape(file: Any, path: Path) -> None:
    """The columns are ours, and not more rows than so many bytes can hold: the file's size says what is allocated."""
    schema = {field.name: str(field.type) for field in file.schema_arrow}
    labels = schema.get("given_label") in ("int64", "double")
    ours = {name: _ALIAS.get(kind, kind) for name, kind in _TYPES.items()} | {"epoch": "int32"}
    if (
        not labels
        or {**ours, "given_label": schema["given_label"]} != schema
        or file.metadata.num_rows > _ROWS_A_BYTE * path.stat().st_size
    ):
        raise BadInput(f"{path} is no part of a ledger that this version of reweigh can read: train again")


@contextmanager
def _opened(folder: Path, epoch: int, digests: Digests | None = None) -> Iterator[Any]:
    path = part_path(folder, epoch)
    if not path.exists():
        raise BadInput(f"{path} is missing: put it back, the ledger has later epochs")
    content = read_plain(path) if digests is None else digests.read(path)
    try:
        with parquet.ParquetFile(pa.BufferReader(content), page_checksum_verification=True) as file:
            metadata = file.schema_arrow.metadata or {}
            if metadata.get(b"reweigh.ledger") != FORMAT.encode():
                raise BadInput(f"{path} is no part of a ledger that this version of reweigh can read: train again")
            if digests is not None:
                digests.check(path, content)
            yield file
    except (pa.ArrowException, OSError) as broken:
        raise BadInput(f"{path} is damaged: put a good copy back, or train again") from broken


def _mark(schema: Any) -> str:
    mark: str = schema.metadata.get(b"reweigh.run", b"").decode(errors="replace")
    return mark
