"""Tables: numbers, dates and categories in the columns of a CSV or Parquet file.

The training file is read twice, so that memory holds the encoded numbers and never the file: once to find what the
columns are, once to encode them.
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import BadInput
from .columns import Roles, find_roles
from .encode import arranged, categories, encode, width
from .paths import open_table
from .plan import Plan, decide
from .profile import Profile
from .rows import Rows
from .sources import Sources
from .table_rows import read_table
from .words import listed


class TableReader:
    """Reads tables by the plans of their columns."""

    kind = "table"

    def __init__(self, plans: list[Plan], roles: Roles) -> None:
        """Plans in the order of x: numbers first, categories last."""
        self.plans, self.roles, self.notes = plans, roles, list[str]()
        self.target_names = roles.targets
        self.input_shape: tuple[int, ...] = (width(plans),)
        self.model_options: dict[str, Any] = {"categories": categories(plans)}
        self._size = 0

    @classmethod
    def learned(cls, sources: Sources) -> "TableReader":
        """The reader for the training file: the first pass.

        Raises:
            BadInput: a column is missing, or none is left to learn from.
        """
        file = open_table(sources.train)
        roles = find_roles(sources, file.names, file.path)
        inputs = [name for name in file.names if name not in roles.all and name not in sources.drop]
        profiles = [Profile(name, str(file.path)) for name in inputs]
        for batch in file.batches():
            for seen in profiles:
                seen.add(batch.column(seen.name))
        if profiles and not profiles[0].rows:
            raise BadInput(f"{file.path} has column names but no rows: give at least one example")
        decisions = [decide(seen) for seen in profiles]
        plans = arranged([decision.plan for decision in decisions if decision.plan is not None])
        if not plans:
            why = f" ({decisions[0].note})" if decisions else ""
            raise BadInput(
                f"{file.path} has no column to learn from besides {listed(roles.all)}{why}: add columns, or name a column "
                "of texts with --text"
            )
        reader = cls(plans, roles)
        reader.notes = [decision.note for decision in decisions if decision.note is not None]
        reader._size = profiles[0].rows
        return reader

    @classmethod
    def restored(cls, kept: dict[str, Any]) -> "TableReader":
        """The reader that `as_json` wrote down."""
        return cls([dict(plan) for plan in kept["columns"]], Roles(tuple(kept["targets"]), kept["id"]))

    def as_json(self) -> dict[str, Any]:
        """The plans of the columns, and which hold target and names."""
        return {"columns": self.plans, "targets": list(self.roles.targets), "id": self.roles.id}

    def rows(self, path: str, part: str) -> Rows:
        """The examples of the table at `path`, encoded: x is (N, F) float32."""
        needed = tuple(plan["name"] for plan in self.plans)
        like, size = np.empty((0, *self.input_shape), dtype=np.float32), self._size if part == "train" else 0
        return read_table(Path(path), part, self.roles, needed, self._encode, like, size)

    def _encode(self, batch: Any, where: str, first: int) -> npt.NDArray[np.float32]:
        return encode(batch, self.plans, where, first)
