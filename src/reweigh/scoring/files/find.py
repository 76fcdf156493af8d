"""From what a user names, a file, a pattern or a folder, to its shards."""

import glob
import hashlib
import os
from pathlib import Path

from reweigh.errors import BadInput
from reweigh.scoring.files.json_lines import JsonLines
from reweigh.scoring.files.parquet_file import Parquet
from reweigh.scoring.files.source import Kind, Shard
from reweigh.storage import home
from reweigh.words import shown

_KINDS: dict[str, Kind] = {ending: kind for kind in (Parquet(), JsonLines()) for ending in kind.endings}


def find_shards(data: Path | str) -> list[Shard]:
    """The files of a data set by their names, each with its digest.

    Args:
        data: a file, a pattern such as "data/*.jsonl", or a folder, which is looked through with all folders below it.

    Raises:
        BadInput: if there is none, one is of another kind, or has no rows at all.
    """
    paths = files_of(data)
    top = Path(os.path.commonpath([path.parent for path in paths]))
    shards = [_shard(path, path.relative_to(top).as_posix()) for path in paths]
    if not any(shard.rows for shard in shards):
        raise BadInput(f"{data} has no rows: name files that have some")
    return shards


def files_of(data: Path | str) -> list[Path]:
    """The paths alone, sorted.

    Raises:
        BadInput: as `find_shards`.
    """
    place = home(data)
    if place.is_dir():
        found = sorted(path for path in place.rglob("*") if path.suffix.lower() in _KINDS and not _hidden(path, place))
        where = f"the folder {place}"
    elif place.exists():
        found, where = [place], str(place)
    else:
        found = sorted(map(Path, glob.glob(os.path.expanduser(str(data)), recursive=True)))
        where = f"{shown(data)}"
    if not found:
        raise BadInput(f"{where} holds no file that ends in {', '.join(_KINDS)}: name a file, a pattern or a folder")
    for path in found:
        kind_of(path)
    return [path.resolve() for path in found]


def kind_of(path: Path) -> Kind:
    """How a file is read, by its ending.

    Raises:
        BadInput: if nothing reads it.
    """
    kind = _KINDS.get(path.suffix.lower())
    if kind is None or not path.is_file():
        raise BadInput(f"{path} is no file that ends in {', '.join(_KINDS)}: save the data as Parquet or JSON lines")
    return kind


def digest_of(path: Path) -> str:
    """The SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _shard(path: Path, name: str) -> Shard:
    kind = kind_of(path)
    return Shard(name, path, kind, kind.count(path), digest_of(path))


def _hidden(path: Path, top: Path) -> bool:
    return any(part.startswith((".", "_")) for part in path.relative_to(top).parts)
