"""A folder that appears whole or not at all, and what was written in it, read once more."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

from reweigh.apply.edits import Edits
from reweigh.apply.settings import SETTINGS
from reweigh.apply.subject import Subject
from reweigh.data.own import Sources
from reweigh.errors import BadInput, ReweighError
from reweigh.storage import cannot_write, make_folder
from reweigh.words import shown

CHANGES = "changes.csv"


def check_output_folder(output: Path, sources: Sources, *, overwrite: bool) -> None:
    """Refuse an output that cannot be written, before any work is done.

    Raises:
        BadInput: saying what to do.
    """
    train = Path(sources.train).resolve()
    if output.resolve().is_relative_to(train):
        raise BadInput(f"{output} lies in the training data, which are left alone: name another folder with --output")
    if not (output.exists() or output.is_symlink()):
        return
    ours = (
        output.is_dir() and not output.is_symlink() and (output / CHANGES).is_file() and (output / SETTINGS).is_file()
    )
    if not (overwrite and ours):
        remedy = (
            "replace it with --overwrite, or name another folder" if ours else "name a folder that is not there yet"
        )
        raise BadInput(f"{output} exists: {remedy} with --output")


def check_written(subject: Subject, path: Path, edits: Edits, wanted: dict[int, torch.Tensor]) -> None:
    """The training data at `path`, read again, have the targets that were `wanted`, by row, and else the old ones.

    Raises:
        BadInput: naming a new label that would be read otherwise.
        ReweighError: if anything else has changed.
    """
    found = subject.layout.targets(str(path), edits.targets)
    rows, where = np.flatnonzero(edits.kept), subject.sources.train
    if len(found[0]) != len(rows):
        raise ReweighError(
            f"the rows of {where} cannot be told apart as they are written: save it anew, and train again"
        )
    if not subject.layout.keeps_order:
        return
    now, expected = subject.labels.encoded(found), subject.labels.encoded(subject.labels.raw())[torch.from_numpy(rows)]
    places = np.searchsorted(rows, sorted(wanted)).tolist()
    for place, row in zip(places, sorted(wanted), strict=True):
        expected[place] = wanted[row]
    wrong = (~subject.labels.same(now, expected)).nonzero().flatten().tolist()
    if not wrong:
        return
    cells = edits.cells.get(int(rows[wrong[0]]))
    if cells is None:
        raise ReweighError(f"{where} cannot be written again as it is: save it anew, and train again")
    raise BadInput(
        f"the new label {shown(cells[0])} would be read otherwise in {where}: write it as other cells of its column are"
    )


@contextmanager
def whole_folder(output: Path, *, overwrite: bool) -> Iterator[Path]:
    """A folder beside `output` to write to, which takes its place when all of it is there."""
    part, old = (output.with_name(f".{output.name}.{end}") for end in ("part", "old"))
    _put_back(old, output)
    shutil.rmtree(part, ignore_errors=True)
    make_folder(part)
    try:
        yield part
        if overwrite and output.exists():
            output.rename(old)
        part.rename(output)
    except OSError as refused:
        raise cannot_write(output, refused) from refused
    finally:
        shutil.rmtree(part, ignore_errors=True)
        _put_back(old, output)


def _put_back(old: Path, output: Path) -> None:
    """What was there before is there again, where nothing has taken its place: a process may be killed in between."""
    if old.exists() and not output.exists():
        old.rename(output)
    shutil.rmtree(old, ignore_errors=True)
