"""From an example's id to what its user calls it: a file name, a value of the id column, or "row 17".

Names are kept as compactly as they come: a million numbered rows cost nothing, a million names one Arrow array.
"""

import bisect
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ...errors import require


class Stretch(NamedTuple):
    """Ids `first`, `first + 1`, ... of one file, `length` in all.

    `values` are their names (a list or an Arrow array), or None for numbered rows: "row 0", "row 1", ...;
    `suffix` follows each name, such as " of checked.csv".
    """

    first: int
    length: int
    values: Sequence[str] | Any | None = None
    suffix: str = ""


class Names:
    """Names by id: `names[17]`; a KeyError for an id that no example has."""

    def __init__(self, *stretches: Stretch) -> None:
        """Stretches in ascending order of their ids, without overlap."""
        self._stretches = stretches
        self._firsts = [stretch.first for stretch in stretches]

    def __getitem__(self, identity: int) -> str:
        """What the user calls the example with this id."""
        which = bisect.bisect_right(self._firsts, identity) - 1
        stretch = self._stretches[which] if which >= 0 else Stretch(0, 0)
        place = identity - stretch.first
        if not 0 <= place < stretch.length:
            raise KeyError(identity)
        name = f"row {place}" if stretch.values is None else str(stretch.values[place])
        return name + stretch.suffix

    def column(self, ids: npt.NDArray[np.int64]) -> Any:
        """The names of these ids (N,), as an Arrow array of strings: no object of Python's for each.

        Raises:
            KeyError: for an id that no example has.
        """
        pa = require("pyarrow", "cli")
        which = np.searchsorted(np.array(self._firsts), ids, side="right") - 1
        found, order = [pa.array([], pa.string())], np.argsort(which, kind="stable")
        for place, stretch in enumerate(self._stretches):
            places = ids[order][which[order] == place] - stretch.first
            if places.size and int(places.max()) >= stretch.length:
                raise KeyError(int(places.max()) + stretch.first)
            found.append(_of_stretch(stretch, places))
        if which.size and int(which.min()) < 0:
            raise KeyError(int(ids.min()))
        together = pa.concat_arrays(found)
        return together if (np.diff(which) >= 0).all() else together.take(pa.array(np.argsort(order, kind="stable")))

    def __len__(self) -> int:
        """How many ids have a name."""
        return sum(stretch.length for stretch in self._stretches)

    def __iter__(self) -> Iterator[str]:
        """All names, in the order of their ids."""
        for stretch in self._stretches:
            for place in range(stretch.length):
                yield self[stretch.first + place]


def _of_stretch(stretch: Stretch, places: npt.NDArray[np.int64]) -> Any:
    pa, compute = require("pyarrow", "cli"), require("pyarrow.compute", "cli")
    if stretch.values is None:
        names = compute.binary_join_element_wise("row ", pa.array(places).cast(pa.string()), "")
    else:
        values = stretch.values if hasattr(stretch.values, "take") else pa.array(stretch.values, pa.string())
        names = values.take(pa.array(places))
    names = names.combine_chunks() if isinstance(names, pa.ChunkedArray) else names
    return compute.binary_join_element_wise(names, stretch.suffix, "") if stretch.suffix else names
