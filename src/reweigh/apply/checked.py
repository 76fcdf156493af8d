"""The checked set, grown by what was reviewed: what `--clean` takes after a review, and `--test` where the score can stay.

What was held back for testing is held back again, under its own name, so that scores before and after are of the same
examples. That is left out where such rows might stand in the training file as well and nothing would tell: rows of a
table without names are alike by chance.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from reweigh.apply.edits import BoolArray, Chosen, Edits, IntArray, Layout
from reweigh.data.own import Sources
from reweigh.run.job.prepare import RunData

CHECKED, TEST = "checked", "test"


class Grown(NamedTuple):
    """Where the checked examples stand, how many there are, and where those for testing are; None where they stay."""

    clean: Path
    rows: int
    test: Path | None


def grown(layout: Layout, sources: Sources, data: RunData, edits: Edits, reviewed: IntArray, folder: Path) -> Grown:
    """Write checked examples and `reviewed` ones (rows of the training file) together below `folder`."""
    held = sources.test is None and _known_apart(sources, data, edits.kept)
    old = np.sort(data.clean.ids.numpy() if held or sources.test is not None else _both(data))
    size = 0 if sources.clean is None else len(layout.targets(sources.clean, edits.targets)[0])
    files = [(sources.train, edits), (str(sources.clean), Edits.only(size, {}, edits.targets))]
    parts = [*_stretches(files, old), Chosen(sources.train, np.sort(reviewed), edits)]
    clean = layout.together(_merged(parts), folder, CHECKED)
    test = None
    if held:
        test = layout.together(_stretches(files, np.sort(data.test.ids.numpy())), folder, TEST)
    return Grown(clean, len(old) + len(reviewed), test)


def _both(data: RunData) -> IntArray:
    ids: IntArray = np.concatenate([data.clean.ids.numpy(), data.test.ids.numpy()])
    return ids


def _known_apart(sources: Sources, data: RunData, rows: BoolArray) -> bool:
    """Whether an example held back for testing would be known again if it stood in the training file."""
    assert data.encoding is not None
    if sources.id_column is not None or data.encoding.kind in ("text", "images"):
        return True
    return sources.clean is not None and len(data.train) == len(rows)


def _stretches(files: list[tuple[str, Edits]], ids: IntArray) -> list[Chosen]:
    """The files in which these examples stand: ids count through the training file, and then through the clean one."""
    found, first = list[Chosen](), 0
    for path, edits in files:
        rows = ids[(ids >= first) & (ids < first + len(edits.kept))] - first
        first += len(edits.kept)
        found += [Chosen(path, rows, edits)] if len(rows) else []
    return found


def _merged(parts: list[Chosen]) -> list[Chosen]:
    """Rows of one file together, in its order."""
    files: dict[str, Chosen] = {}
    for part in parts:
        before = files.get(part.path)
        rows = part.rows if before is None else np.union1d(before.rows, part.rows)
        files[part.path] = part._replace(rows=rows)
    return [part for part in files.values() if len(part.rows)]
