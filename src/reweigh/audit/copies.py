"""Copies among the training examples, and of checked and tested ones; and examples that lie far from all others.

Copies with different labels are the strongest evidence there is that one of these is wrong, the more so where one is
checked. A training example that is tested as well makes the score a lie.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import torch

from reweigh.audit.search import MOST, Bools, Ints, near_and_far
from reweigh.audit.vectors import vectors_of
from reweigh.data import Examples
from reweigh.errors import require
from reweigh.run.gallery import are_images
from reweigh.run.job.features import digests
from reweigh.words import counted

if TYPE_CHECKING:
    from reweigh.audit.audit import Audit

PARTS = ("", "checked", "test")
_CHECKED, _TEST = 1, 2
_NAMED, _A_FEW = 5, 20
_BY_CHANCE = 0.05
"""A share of rows of a table with a twin, above which rows are alike by chance: they have few columns, of few values."""


@dataclass(frozen=True, eq=False)
class Copies:
    """Of N training examples, and then those checked and tested ones that are no training examples: A in all.

    Attributes:
        audit: whose examples they are; `examples` are those of the three parts.
        parts: of which part each is, (A,).
        checked: which of them are checked, (A,); some training examples may be.
        group: which of them are copies of each other, (A,) numbers.
        exact: whether it is the same as another one to the last bit, (A,).
        outlier: whether a training example lies far from all others, (N,).
    """

    audit: "Audit"
    examples: tuple[Examples, ...]
    parts: Ints
    checked: Bools
    group: Ints
    exact: Bools
    outlier: Bools

    @property
    def tested(self) -> Bools:
        """(A,) the tested examples."""
        return np.asarray(self.parts == _TEST)

    @cached_property
    def _many(self) -> Bools:
        """(A,) which of them have copies."""
        return np.asarray(np.bincount(self.group)[self.group] > 1)

    @cached_property
    def _members(self) -> dict[int, list[int]]:
        """The places in each group of two or more: the checked ones first, then the tested ones."""
        found = dict[int, list[int]]()
        order = np.lexsort((~self.tested, ~self.checked))
        for place in order[self._many[order]].tolist():
            found.setdefault(int(self.group[place]), []).append(place)
        return found

    def others(self, row: int) -> list[int]:
        """The places of the other copies of a training example, those checked first, then the tested ones."""
        return [place for place in self._members.get(int(self.group[row]), ()) if place != row]

    @cached_property
    def rows(self) -> list[int]:
        """The training examples that have copies."""
        return np.flatnonzero(self._many & (self.parts == 0)).tolist()

    def name(self, place: int) -> str:
        """What people call it, and which part it is of, where that is not training."""
        part = int(self.parts[place])
        first = int(np.searchsorted(self.parts, part))
        identity = int(self.examples[part].ids[place - first])
        called = self.audit.called(identity)
        return f"{called} ({PARTS[part]})" if part else called

    def label(self, place: int) -> str:
        """Its label in words."""
        part = int(self.parts[place])
        y = self.examples[part].y[[place - int(np.searchsorted(self.parts, part))]]
        return self.audit.told(self.audit.task.in_units(y).numpy()[0])

    def first(self, row: int) -> str:
        """What that copy is called that counts the most; "" where there is none, or the example is the first itself."""
        members = self._members.get(int(self.group[row]), [row, row])
        best = next((place for place in members[:2] if place != row), row)
        return self.name(best) if self.parts[best] or best < row else ""

    @cached_property
    def contradicted(self) -> dict[int, list[int]]:
        """By training example, copies that carry another label, a few of them; none where rows are alike by chance."""
        found = dict[int, list[int]]()
        for members in [] if self.by_chance else self._members.values():
            labels = {place: self.label(place) for place in members}
            against = {
                label: list(islice((place for place in members if labels[place] != label), _A_FEW))
                for label in set(labels.values())
            }
            if len(against) > 1:
                found |= {place: against[labels[place]] for place in members if self.parts[place] == 0}
        return found

    @cached_property
    def against_checked(self) -> Bools:
        """(N,) the training examples of which a checked copy carries another label."""
        found = np.zeros(len(self.outlier), dtype=bool)
        found[[row for row, places in self.contradicted.items() if self.checked[places].any()]] = True
        return found

    def why(self, row: int) -> str:
        """Which labels its copies carry, in a sentence; "" where none carries another than its own."""
        places = self.contradicted.get(row, [])
        if not places:
            return ""
        told = ", ".join(f"{self.name(place)} is “{self.label(place)}”" for place in places[:2])
        more = " and more" if len(places) > 2 else ""
        return f"Of its copies {told}{more}."

    def sentences(self) -> list[str]:
        """What is to be said of copies, of what is tested as well, and of what lies far away."""
        return [said for said in (self._of_copies(), self._of_tested(), self._of_outliers()) if said]

    def _of_copies(self) -> str:
        rows, wrong = self.rows, sorted(self.contradicted)
        if not rows:
            return "No training example is a copy of another, or of a checked or tested one."
        nearly = int((~self.exact[rows]).sum())
        told = f"Of {counted(len(rows), 'training example')} there are copies"
        told += f" ({nearly:,} nearly the same)" if nearly else ""
        told += ", as rows of so few values are alike by chance" if self.by_chance else ""
        if not wrong:
            return f"{told}; all carry the same label."
        checked = np.flatnonzero(self.against_checked).tolist()
        told += f"; {len(wrong):,} of them carr{'ies' if len(wrong) == 1 else 'y'} another label than a copy"
        return f"{told} ({self._named(wrong)})" + (
            f", {len(checked):,} another than a checked one ({self._named(checked)})." if checked else "."
        )

    def _of_tested(self) -> str:
        here = np.isin(self.group, self.group[self.tested])
        tested, both = (np.flatnonzero(here & (self.parts == part)).tolist() for part in (0, _CHECKED))
        if self.by_chance or not (tested or both):
            return ""
        whose = [f"{counted(len(tested), 'training example')} ({self._named(tested)})"] if tested else []
        whose += [f"{counted(len(both), 'checked example')} ({self._named(both)})"] if both else []
        nearly = "" if self.exact[[*tested, *both]].all() else ", or nearly so"
        stand = "stands" if len(tested) + len(both) == 1 else "stand"
        said = f"{' and '.join(whose)} {stand} in the test set as well{nearly}"
        return f"{said}, so the score is too good: leave them out of one."

    def _of_outliers(self) -> str:
        rows = np.flatnonzero(self.outlier).tolist()
        if not rows:
            return ""
        lie = "lies" if len(rows) == 1 else "lie"
        return f"{counted(len(rows), 'example')} {lie} far from all others: {self._named(rows)}."

    @cached_property
    def by_chance(self) -> bool:
        """Whether rows of a table are alike without being copies of each other."""
        encoding = self.audit.encoding
        if encoding is None or encoding.kind != "table":
            return False
        return float(np.mean(self.exact[: len(self.outlier)])) > _BY_CHANCE

    def _named(self, rows: list[int]) -> str:
        more = f" and {len(rows) - _NAMED:,} more" if len(rows) > _NAMED else ""
        return ", ".join(self.name(row) for row in rows[:_NAMED]) + more


def copies_of(audit: "Audit") -> Copies:
    """Among the training, checked and tested examples of an audit; those that are checked in the training set stand once."""
    ids, known = audit.examples.ids, audit.checked.ids
    examples = (audit.examples, audit.checked.select(~torch.isin(known, ids)), audit.tested)
    parts = np.repeat(np.arange(3), [len(part) for part in examples])
    checked = np.asarray(parts == _CHECKED)
    checked[: len(audit)] = torch.isin(ids, known).numpy()
    same = _same([digest for part in examples for digest in digests(part.x)])
    once, place = np.unique(same, return_inverse=True)
    pairs, outlier = _near(audit, examples, once)
    sparse, graph = require("scipy.sparse", "cli"), require("scipy.sparse.csgraph", "cli")
    links = sparse.coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(once), len(once)))
    group = graph.connected_components(links, directed=False)[1][place]
    exact = np.bincount(place)[place] > 1
    return Copies(audit, examples, parts, checked, group, exact, outlier[place][: len(audit)])


def _near(audit: "Audit", examples: tuple[Examples, ...], once: Ints) -> tuple[Ints, Bools]:
    """Pairs of places in `once` that are nearly the same, and which lie far from all others."""
    of_text = audit.encoding is not None and audit.encoding.kind == "text"
    seen = of_text or are_images(audit.examples) or audit.examples.x.is_floating_point()
    if not seen or len(once) > MOST:
        return np.empty((0, 2), dtype=np.int64), np.zeros(len(once), dtype=bool)
    every = vectors_of([part for part in examples if len(part)], audit.encoding)
    return near_and_far(every._replace(exact=every.exact[once], search=every.search[once]))


def _same(keys: list[bytes]) -> Ints:
    """(A,) for each the first place at which the same stands."""
    first = dict[bytes, int]()
    return np.array([first.setdefault(key, place) for place, key in enumerate(keys)], dtype=np.int64)
