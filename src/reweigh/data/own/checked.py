"""Which training rows are the checked ones, where they do not come in a file of their own."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...arrow import compute, pa
from ...errors import BadInput
from ...words import counted, listed, shown
from .check_sources import nothing_says
from .corrected import marked_or_corrected
from .paths import existing
from .rows import Rows
from .sources import Sources
from .text_file import unreadable
from .values import BoolArray, one_spelling


def checked_rows(train: Rows, sources: Sources) -> tuple[BoolArray | None, list[str]]:
    """(N,) the rows that are checked, by a column or a list of ids; None where the clean part is a file of its own.

    And what there is to say of that.

    Raises:
        BadInput: none or all rows are checked, or an id of the list is not there.
    """
    if sources.clean is not None:
        return None, []
    marked = _listed(train, Path(sources.clean_ids)) if sources.clean_ids is not None else train.checked
    mask, told = marked_or_corrected(train, marked, sources.clean_target)
    if mask is None:
        raise nothing_says(train.where)
    if not mask.any() or mask.all():
        which = "all" if mask.all() else "none"
        raise BadInput(
            f"{which} of the {len(mask):,} rows of {train.where} are checked: mark the checked ones, and only those"
        )
    return mask, told


def _listed(train: Rows, path: Path) -> BoolArray:
    wanted = _ids(path)
    found = _places(train, wanted)
    unknown = [identity for identity, row in zip(wanted, found, strict=True) if row < 0]
    if unknown:
        what = "row numbers from 0" if train.keys is None else "its ids"
        raise BadInput(
            f"{counted(len(unknown), 'line')} of {path} ({listed(unknown, 3)}) name no example of {train.where}: give "
            f"{what}, one a line, such as {shown(0 if train.keys is None else train.keys[0])}"
        )
    mask = np.zeros(len(train), dtype=bool)
    mask[found] = True
    return mask


def _ids(path: Path) -> list[str]:
    place = existing(path)
    try:
        lines = place.read_text("utf-8-sig").split("\n")  # all ends of lines are "\n" by now
    except (OSError, UnicodeError) as refused:
        raise unreadable(place, refused) from refused
    ids = list(dict.fromkeys(line.strip() for line in lines if line.strip()))
    if not ids:
        raise BadInput(f"{path} is empty: give the ids of the checked examples, one a line")
    return ids


def _places(train: Rows, wanted: list[str]) -> npt.NDArray[np.int64]:
    wanted = one_spelling(pa.array(wanted)).to_pylist()
    if train.keys is None:
        rows = [int(text) if _is_row.match(text) and int(text) < len(train) else -1 for text in wanted]
        return np.array(rows, dtype=np.int64)
    return places(wanted, train.keys)


_is_row = re.compile(r"^(0|[1-9][0-9]{0,17})$")  # 007 is a name


def places(wanted: Any, keys: Any) -> npt.NDArray[np.int64]:
    """For each wanted name its row among `keys`, -1 where it is not there."""
    wanted, known = (
        keys_ if isinstance(keys_, pa.ChunkedArray) else pa.array(keys_, pa.string()) for keys_ in (wanted, keys)
    )
    found = compute.index_in(wanted, value_set=known)
    return np.asarray(compute.fill_null(found, -1).to_numpy(zero_copy_only=False), dtype=np.int64)
