"""Where pairs of texts lie: in one file, or each side in a file of its own, line n of the one beside line n of the other.

pairs.tsv, pairs.csv, pairs.jsonl, pairs.parquet, pairs.tmx        one file
corpus                 with --source de --target en: corpus.de and corpus.en, or corpus.de.gz and corpus.en.gz
left.txt,right.txt     two files by their names
"""

from collections.abc import Callable
from pathlib import Path

from ...errors import BadInput
from ...storage import home
from .paths import existing

Sides = tuple[str | None, str | None]
"""What source and target are called; None where nobody has said it."""


def files_at(path: str | Path, sides: Sides = (None, None)) -> list[Path]:
    """The files, or the one folder or pattern, that a setting names: two where each side is a file.

    Raises:
        BadInput: nothing is there.
    """
    return _apart(str(path), sides) or [existing(path)]


def is_there(path: str | Path, sides: Sides = (None, None)) -> bool:
    """Whether something is."""
    try:
        return bool(files_at(path, sides))
    except BadInput:
        return False


def moved(path: str, to: Callable[[str], Path]) -> str:
    """A setting's path, or both of them, put elsewhere."""
    return ",".join(str(to(part)) for part in ([path] if home(path).exists() else _parts(path)))


def _parts(path: str) -> list[str]:
    return [part.strip() for part in path.split(",")]


def _apart(path: str, sides: Sides) -> list[Path]:
    """The files of both sides; none where the path is that of one thing."""
    if None in sides or home(path).exists():
        return []
    named = _parts(path)
    if len(named) == 2 and all(named):
        return [existing(part) for part in named]
    for end in ("", ".gz"):
        both = [home(f"{path}.{side}{end}") for side in sides]
        there = [file.is_file() for file in both]
        if all(there):
            return both
        if any(there):
            raise BadInput(f"there is {both[there.index(True)]} but no {both[there.index(False)]}: give both sides")
    return []
