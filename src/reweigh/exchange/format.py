"""What other tools are given, and what comes back from them."""

from pathlib import Path
from typing import NamedTuple, Protocol

from reweigh.audit import Audit
from reweigh.ledger.visits import Array

ID, GIVEN, DROPPED = "example_id", "given", "drop this example"
"""What an example, its label as it stood and the answer that drops it are called elsewhere."""


class Exported(NamedTuple):
    """A file for another tool: where it is, how many examples it has, and what to do with it, a sentence a step."""

    path: Path
    examples: int
    steps: list[str]


class Annotation(NamedTuple):
    """What one annotator said of an example: its `labels` by their names (a number as a text), or that it is `dropped`.

    `where` says where that stands; `by` who said it and `at` when, in whatever words the tool has.
    """

    id: str
    given: str
    labels: tuple[str, ...] | None
    dropped: bool
    where: str
    by: str = ""
    at: str = ""


class Format(Protocol):
    """Writes suspects for a tool that people review with, and reads what they said."""

    name: str

    def write(self, audit: Audit, rows: Array, target: Path, root: Path | None = None) -> Exported:
        """The examples at these `rows` (n,) of an audit, at `target`; `root` is the folder that pictures are shown from."""
        ...

    def read(self, path: Path) -> list[Annotation]:
        """What annotators said; nothing of examples that they said nothing of."""
        ...
