"""The files that own data were read from: where they are, and whether they are still the same.

A run can only be resumed or audited with the data it learnt from, so its `config.json` keeps a digest of each file (of a
folder: of every file's name and content), and the place where it lay, for the day when the run is looked at from elsewhere.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from reweigh.data.outside import digest_of, is_outside, source_named
from reweigh.data.own import Sources
from reweigh.data.own.pair_places import files_at, is_there, moved
from reweigh.data.own.parquet_file import parts_at
from reweigh.errors import BadInput
from reweigh.run.folder.run_folder import DATA
from reweigh.settings import Settings
from reweigh.storage import home

S = TypeVar("S", bound=Settings)
PLACES = ("train", "clean", "test", "clean_ids", "pieces")
"""The settings that name files."""


def _sides(data: Sources) -> tuple[str | None, str | None]:
    return (None, None) if data.source is None else (data.source, data.target)


def fingerprints(config: Settings) -> dict[str, dict[str, Any]]:
    """For each setting that names a file or folder, its absolute `path` and the `digest` of what is there.

    Raises:
        BadInput: if one cannot be read.
    """
    found: dict[str, dict[str, Any]] = {}
    if not isinstance(config.data, Sources):
        return found
    for name in PLACES:
        given = getattr(config.data, name)
        if is_outside(given):
            found[name] = {"path": given, "digest": digest_of(source_named(given))}
        elif given is not None:
            files = files_at(given, _sides(config.data))
            found[name] = {"path": moved(given, lambda part: home(part).resolve()), "digest": digest(files, name)}
    return found


def digest(places: list[Path], setting: str) -> str:
    """A hash of a file's content, of two files', or of the names and contents in a folder.

    Raises:
        BadInput: if there is nothing of the kind, or it cannot be read; `setting` names it.
    """
    path, option = places[0], f"--{setting.replace('_', '-')}"
    whole = hashlib.blake2b(digest_size=16)
    try:
        if len(places) > 1:
            return hashlib.blake2b("\n".join(map(_of_file, places)).encode(), digest_size=16).hexdigest()
        if path.is_file():
            return _of_file(path)
        root, files = (path, path.rglob("*")) if path.is_dir() else (path.parent, parts_at(path))
        for file in sorted(p for p in files if p.is_file() and not p.is_symlink()):
            whole.update(f"{file.relative_to(root).as_posix()}\0{_of_file(file)}\n".encode("utf-8", "surrogateescape"))
    except OSError as refused:
        raise BadInput(
            f"{path} cannot be read: {(refused.strerror or str(refused)).lower()}, check {option}"
        ) from refused
    return whole.hexdigest()


def _of_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def check_unchanged(config: Settings, stored: Mapping[str, Any]) -> None:
    """The data are those that the run began with.

    Raises:
        BadInput: naming what has changed.
    """
    for name, now in fingerprints(config).items():
        before = stored.get(name)
        if not isinstance(before, Mapping) or before.get("digest") != now["digest"]:
            raise BadInput(
                f"{getattr(config.data, name)} is not what it was when the run began: put the old one back, or start a new "
                "run in another folder"
            )


def located(config: S, stored: Mapping[str, Any], root: str | None, folder: Path | None = None) -> S:
    """The settings with paths that lead to the data now: below `root` where that is given, as given, or where they lay.

    Data that came from memory lie in the run's own `folder`, wherever that is now.
    """
    if not isinstance(config.data, Sources):
        return config
    found: dict[str, Any] = {}
    for name in PLACES:
        given = getattr(config.data, name)
        if given is None or is_outside(given):
            continue
        before = stored.get(name)
        absolute = str(before["path"]) if isinstance(before, Mapping) and "path" in before else given
        below = [given, Path(given).name] if root else []
        tried = [moved(path, lambda part: Path(str(root)) / part) for path in below] or [given, absolute]
        own = [str(folder / DATA / Path(given).name)] if folder is not None and Path(given).parent.name == DATA else []
        found[name] = next((path for path in [*own, *tried] if is_there(path, _sides(config.data))), given)
    return config.but(**found)
