"""From files read one by one to what a run learns from: three parts that share no example, and names for all of them.

Ids count through the training file from 0, then through the clean file, then through the test file; a row that is left out
leaves a gap, so that an id always leads back to its row.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ...errors import BadInput
from ...rightness.before import Before
from ...tasks import Task
from ...words import counted
from ..examples import Examples
from ..stored import chosen as rows_of
from .hold_out import hold_out
from .labels import TargetColumns
from .names import Names, Stretch
from .overlap import ALIKE_ARE_SAME, shared
from .rows import Rows
from .values import BoolArray

IntArray = npt.NDArray[np.int64]


@dataclass(eq=False)
class Part:
    """Rows of a file that play one part: which of them, their y, and the id of the file's first row."""

    rows: Rows
    kept: BoolArray
    y: Tensor
    first: int = 0

    def less(self, taken: BoolArray) -> int:
        """Leave `taken` rows out; returns how many that were."""
        before = int(self.kept.sum())
        self.kept = self.kept & ~taken
        return before - int(self.kept.sum())

    def only(self, rows: BoolArray) -> "Part":
        """The same file with these rows."""
        return Part(self.rows, self.kept & rows, self.y, self.first)

    @property
    def kept_y(self) -> Tensor:
        """The targets of the rows that are kept."""
        return self.y[torch.from_numpy(self.kept)]

    def examples(self, task: Task) -> Examples:
        """The rows that are kept."""
        ids = torch.arange(self.first, self.first + len(self.rows))
        if self.kept.all():
            return Examples(self.rows.x, self.y, ids, task.classes, task=task)
        chosen = torch.from_numpy(self.kept)
        return Examples(
            rows_of(self.rows.x, chosen.nonzero().flatten()), self.y[chosen], ids[chosen], task.classes, task=task
        )


@dataclass(eq=False)
class Parts:
    """The three parts, while they are made; `test` is None until some of `clean` is held back."""

    train: Part
    clean: Part
    test: Part | None
    task: Task
    kind: str
    notes: list[str] = field(default_factory=list)
    _again: IntArray | None = None

    def separate(self) -> None:
        """Take every example out of training that is clean or tested, and every tested one out of the clean part."""
        if self.clean.first != self.train.first:
            found = shared(self.train.rows, self.clean.rows, self.kind)
            self._again = np.where(self.train.kept, found, -1)
            taken = self.train.less(found >= 0)
            self._say(taken, "training", "in the clean set as well")
        if self.test is None:
            return
        named = self.train.rows.keys is not None and self.test.rows.keys is not None
        if named or self.kind in ALIKE_ARE_SAME:  # rows of tables are alike by chance
            taken = self.train.less(shared(self.train.rows, self.test.rows, self.kind) >= 0)
            self._say(taken, "training", "in the test set as well")
            taken = self.clean.less(shared(self.clean.rows, self.test.rows, self.kind) >= 0)
            self._say(taken, "the clean set", "in the test set as well")

    def drop_unlabelled(self) -> None:
        """Leave training rows without a label out.

        Raises:
            BadInput: a clean or a tested example has no label.
        """
        for part, name in ((self.clean, "clean"), (self.test, "test")):
            if part is not None and (bare := np.flatnonzero(self._missing(part) & part.kept)).size:
                raise BadInput(
                    f"{part.rows.name(int(bare[0]))} of {part.rows.where} is a {name} example without a label: "
                    "label it, or leave it out"
                )
        taken = self.train.less(self._missing(self.train))
        self._say(taken, "training", "without a label")

    def hold_back(self, share: float, seed: int) -> None:
        """Take the test part out of the clean one, class by class."""
        rows = np.flatnonzero(self.clean.kept)
        groups = self.clean.y.numpy()[rows] if self.task.has_classes else None
        held = np.zeros(len(self.clean.rows), dtype=bool)
        held[rows[hold_out(groups, rows.size, share, seed)]] = True
        self.test = self.clean.only(held)
        self.clean = self.clean.only(~held)
        count = int(held.sum())
        rough = ", so the score is rough" if count < 100 else ""
        which = f"{counted(count, 'example')} of the {rows.size:,} clean ones"
        self.notes.append(f"{which} are held back for testing, as no test set was given{rough}")

    def check(self) -> None:
        """Each part has examples, and the clean part has what the task needs.

        Raises:
            BadInput: naming what is missing.
        """
        for part, name in ((self.train, "training"), (self.clean, "clean"), (self.test, "test")):
            if part is not None and not part.kept.any():
                raise BadInput(
                    f"no {name} example of {part.rows.where} is left: give examples that are in no other part"
                )
        where = self.train.rows.where, self.clean.rows.where
        self.notes += self.task.check_parts(self.train.kept_y, self.clean.kept_y, where)

    def before(self) -> Before | None:
        """What clean examples are called in the training file; None where none of them stands there."""
        if self._again is None:
            return self._beside()
        rows = np.flatnonzero(self._again >= 0)
        rows = rows[self.clean.kept[self._again[rows]]]
        ids = torch.from_numpy(self.clean.first + self._again[rows])
        return Before(ids, self.train.y[torch.from_numpy(rows)]) if rows.size else None

    def _beside(self) -> Before | None:
        """The same where the training file itself says what is right of some rows, beside what they are called."""
        if self.clean.rows is self.train.rows:
            return None
        rows = np.flatnonzero(self.clean.kept & ~self._missing(self.train))
        return Before(torch.from_numpy(rows), self.train.y[torch.from_numpy(rows)]) if rows.size else None

    def _missing(self, part: Part) -> BoolArray:
        return self.task.missing(TargetColumns(part.rows, self.task.targets))

    def _say(self, taken: int, part: str, why: str) -> None:
        if taken:
            self.notes.append(f"{counted(taken, 'example')} {why} left out of {part}")


def parts_of(train: Rows, clean: Rows, checked: BoolArray | None, test: Rows | None, task: Task, kind: str) -> Parts:
    """The parts as the files have them.

    The clean one is a file of its own; or it is those `checked` of the training file, as `clean` has them.
    """

    def encoded(rows: Rows) -> Tensor:
        return task.encode(TargetColumns(rows, task.targets))

    learned = Part(train, train.usable, encoded(train))
    first = len(train)
    if checked is None:
        right = Part(clean, clean.usable, encoded(clean), first)
        first += len(clean)
    else:
        right = Part(clean, clean.usable & checked, learned.y if clean is train else encoded(clean))
        learned = learned.only(~checked)
    tested = None if test is None else Part(test, test.usable, encoded(test), first)
    return Parts(learned, right, tested, task, kind)


def names_of(parts: Parts) -> Names:
    """What the user calls the examples; those of another file than the training file say which."""
    found: dict[int, Stretch] = {}
    for part in (parts.train, parts.clean, *([] if parts.test is None else [parts.test])):
        suffix = "" if part.first == 0 else f" of {part.rows.where}"
        found.setdefault(part.first, Stretch(part.first, len(part.rows), part.rows.keys, suffix))
    return Names(*(found[first] for first in sorted(found)))
