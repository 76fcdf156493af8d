"""What a sample is, and how labels of one are made wrong."""

import csv
import random
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple


class Sample(NamedTuple):
    """A data set in files: what they are, what writes them into a folder, and the commands to paste."""

    title: str
    write: Callable[[Path], None]
    commands: tuple[str, ...]


def mislabelled(labels: Sequence[str], share: float, draw: random.Random) -> list[str]:
    """The labels (n,), this share of which is another class, each as likely; which ones depends on `draw` alone."""
    classes, given = sorted(set(labels)), list(labels)
    for row in sorted(draw.sample(range(len(labels)), round(share * len(labels)))):
        given[row] = draw.choice([name for name in classes if name != labels[row]])
    return given


def write_csv(path: Path, names: Sequence[str], rows: Iterable[Sequence[object]], delimiter: str = ",") -> None:
    """A table with its names in the first line, in UTF-8, lines ended by a line feed on every system."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
        writer.writerow(names)
        writer.writerows(rows)


def row_name(place: int) -> str:
    """What a row of a table without an id column is called, the first of which is `row 0`."""
    return f"row {place}"
