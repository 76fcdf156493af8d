"""The files of a folder of images: what is there, which class it is in, and what is left alone.

A folder may hold anything, so nothing in it is trusted: no link leads out of it, no name is believed before the file is
opened, and what the system puts there by itself (.DS_Store, Thumbs.db) is passed over.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ...errors import BadInput
from ...words import counted, listed

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm")

_SYSTEM = ("thumbs.db", "desktop.ini", "__macosx")
_PARTS = frozenset({"train", "training", "test", "val", "valid", "validation", "clean"})


class Found(NamedTuple):
    """The images of a folder: `names` relative to it, in order; the class folder of each, "" beside the folders; notes."""

    names: list[str]
    classes: list[str]
    notes: tuple[str, ...]


def find_images(root: Path, labelled: bool) -> Found:
    """The images below `root`, whose folders are classes; with `labelled`, images beside those folders are left out.

    Raises:
        BadInput: there are none, a link leads out of the folder, or the folders are parts of a data set.
    """
    names, others = _names(root)
    folders = [name.partition("/")[0] if "/" in name else "" for name in names]
    inside, notes = [folder != "" for folder in folders], []
    empty = sorted({entry.name for entry in _entries(root) if entry.is_dir()} - set(folders))
    if labelled:
        _check_classes(root, names, set(folders) - {""})
        beside = inside.count(False)
        if beside:
            notes.append(f"{counted(beside, 'image')} of {root} outside the class folders left out")
        names = [name for name, kept in zip(names, inside, strict=True) if kept]
        folders = [folder for folder in folders if folder]
        if empty:
            notes.append(f"class folders of {root} without any image are left out: {listed(empty)}")
    elif not names:
        raise BadInput(f"{root} holds no images: give a folder of {', '.join(SUFFIXES[:3])} or other image files")
    if others:
        notes.append(
            f"{counted(len(others), 'file')} of {root} that are no images are passed over ({listed(others, 3)})"
        )
    return Found(names, folders, tuple(notes))


def _check_classes(root: Path, names: list[str], classes: set[str]) -> None:
    if not classes:
        what = "images but no folders" if names else "no images"
        raise BadInput(f"{root} holds {what}: give a folder with one folder of images for each class")
    if {name.casefold() for name in classes} <= _PARTS:
        raise BadInput(
            f"the folders of {root} ({listed(sorted(classes))}) are parts of a data set: give one part, such as {root}/train"
        )


def _names(root: Path) -> tuple[list[str], list[str]]:
    """Names of images and of other files, relative to `root`, sorted."""
    inside = root.resolve()
    images, others = list[str](), list[str]()
    for path in _walk(root, inside):
        name = path.relative_to(root).as_posix()
        (images if path.suffix.lower() in SUFFIXES else others).append(name)
    return sorted(images), sorted(others)


def _walk(folder: Path, inside: Path) -> Iterator[Path]:
    for entry in _entries(folder):
        path = Path(entry.path)
        if entry.is_symlink() and not path.resolve().is_relative_to(inside):
            raise BadInput(
                f"{path} is a link that leads out of {inside}: put the file itself there, links are not followed"
            )
        if entry.is_symlink() and not entry.is_file():
            raise BadInput(f"{path} is a link to a folder or to nothing: put the files themselves there, or remove it")
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(path, inside)
        elif entry.is_file():
            yield path


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            every = sorted(entries, key=lambda entry: entry.name)
    except OSError as refused:
        raise BadInput(f"{folder} cannot be read ({refused.strerror}): check that you may open the folder") from refused
    return [entry for entry in every if not entry.name.startswith(".") and entry.name.lower() not in _SYSTEM]
