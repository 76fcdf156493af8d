"""What reading gives: examples to learn from, to be led by and to be tested on; and new ones to predict."""

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from ...rightness.before import Before
from ..examples import Examples
from ..stored import Inputs
from .encoding import Encoding
from .names import Names


@dataclass(frozen=True, eq=False)
class OwnData:
    """The user's data, encoded.

    Attributes:
        train: N examples with labels as given; ids are row numbers of the training file, from 0 (rows that were left
            out leave gaps).
        clean: M checked examples; those that come from the training file keep their row number.
        test: the examples that give the score. Ids are unique over all three.
        encoding: all that must be the same for new data; to be stored with the model.
        names: from ids to what the user calls an example.
        notes: one sentence each, for the screen: the task found, columns dropped, rows held back, ...
        told: counts for `summary.json`: by file, and in it by column, what was dropped, guessed or converted.
        before: what checked examples are called in the training file; None where none of them stands there.
    """

    train: Examples
    clean: Examples
    test: Examples
    encoding: Encoding
    names: Names
    notes: tuple[str, ...]
    told: dict[str, Any] = field(default_factory=dict)
    before: Before | None = None


@dataclass(frozen=True, eq=False)
class NewData:
    """Examples to predict, encoded as the training examples were.

    Attributes:
        x: (N, ...), as in `Examples`: images are uint8.
        names: names by row number, 0..N-1.
        y: as in `Examples` (a regression's is standardised); None where the file does not have the target for every row.
        table: a `pyarrow.Table` of N rows as they were read, to put predictions beside.
        notes: one sentence each, such as how many values were unknown.
    """

    x: Inputs
    names: Names
    y: Tensor | None
    table: Any
    notes: tuple[str, ...] = ()

    def batch(self, rows: Tensor) -> dict[str, Tensor]:
        """The inputs at `rows` (B,) as a model takes them: `{"x": (B, ...), "id": (B,)}`; images are float32 in [0, 1]."""
        from ..examples import as_input

        return {"x": as_input(self.x[rows]), "id": rows}
