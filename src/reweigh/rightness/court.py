"""The examples that are not checked, judged by a taught verifier: each of them, and how many of each class and pair."""

from collections.abc import Sequence
from typing import NamedTuple, Self

import torch
from torch import Tensor

from reweigh.rightness.calibration import Calibration
from reweigh.rightness.in_line import InLine
from reweigh.rightness.verifier import Verifier
from reweigh.rightness.witness import Witness

_REPEATS = 30
_HARDLY_MORE = 0.9
_BETWEEN = torch.tensor([0.025, 0.975], dtype=torch.double)


class Verdict(NamedTuple):
    """Of q questions.

    Attributes:
        right: P(right), (q,).
        kind: the most likely kind of wrongness, (q,).
        of_kind: the probability of each kind, (q, kinds), together 1 - right.
        groups: the shares of right labels and of the kinds, (1 + kinds,).
    """

    right: Tensor
    kind: Tensor
    of_kind: Tensor
    groups: Tensor


class Asked(NamedTuple):
    """What a verifier says of q questions, (q, 1 + kinds), and what follows of how many are right and of each kind."""

    said: Tensor
    shares: Calibration


class Spread(NamedTuple):
    """Lower and upper ends: of the share (2,), by row of the table (2, G), of the cells' counts (2, G, J), and of groups.

    `groups` are the shares of right labels and of each kind of wrong ones, (2, 1 + kinds); `at_most` is what P(right) of
    each question hardly exceeds, (q,).
    """

    share: Tensor
    rows: Tensor
    table: Tensor
    groups: Tensor
    at_most: Tensor


class Court(NamedTuple):
    """n examples: what is known of them, the given targets (n, ...), and the cell of a table that each question lies in."""

    view: Witness
    given: Tensor
    cells: tuple[Tensor, Tensor]

    @classmethod
    def of(cls, view: Witness, given: Tensor, others: Tensor) -> Self:
        """With the likeliest other targets, (n, ...)."""
        return cls(view, given, view.cells(given, others))

    @property
    def questions(self) -> int:
        """How many are asked of an example."""
        return len(self.cells[0]) // max(len(self.given), 1)

    def judge(self, verifier: Verifier, in_line: InLine | None = None) -> Verdict:
        """With the shares that hold among these examples; brought in line with real mistakes where those are known."""
        return self.judged(self.asked(verifier), in_line)

    def asked(self, verifier: Verifier) -> Asked:
        """What it says of these examples, before that is brought in line with anything."""
        if not len(self.given):
            groups = torch.zeros(1 + len(verifier.kinds), dtype=torch.double)
            return Asked(groups[None, :][:0], Calibration(groups, torch.full((1, 1), 0.5, dtype=torch.double)))
        said = verifier.ask(self.view, self.given)
        return Asked(said, Calibration.of(said, self.cells, self.view.shape if self.view.by_cell else None))

    def judged(self, asked: Asked, in_line: InLine | None) -> Verdict:
        """The same by what a verifier has said already."""
        groups, odds = asked.shares.groups, asked.shares.log_odds(asked.said, self.cells)
        among, right = asked.said[:, 1:] + groups[1:].log(), torch.sigmoid(odds if in_line is None else in_line(odds))
        of_kind = (1 - right)[:, None] * among.softmax(1)
        if in_line is not None:
            groups = torch.cat([right.mean()[None], of_kind.mean(0)])
        return Verdict(right, among.argmax(1), of_kind, groups)

    def examples(self, right: Tensor) -> Tensor:
        """From questions (q,) to examples, (n,): an example is right where all that is asked of it is."""
        return right.view(len(self.given), self.questions).prod(1)

    def rows(self, right: Tensor) -> Tensor:
        """Mean P(right) of each row of the table, (G,): of a given class, or a label; NaN of one without examples."""
        rows = self.view.shape[0]
        return _sums(self.cells[0], right, rows) / _sums(self.cells[0], torch.ones_like(right), rows)

    def table(self, values: Tensor) -> Tensor:
        """Sums of `values` (q,) over the cells, (G, J)."""
        g, j = self.view.shape
        return _sums(self.cells[0] * j + self.cells[1], values, g * j).view(g, j)

    def spread(
        self,
        verifier: Verifier,
        view: Witness,
        targets: Tensor,
        counts: Tensor | None,
        known: tuple[Asked, InLine] | None = None,
    ) -> Spread:
        """By teaching anew with checked examples, m with right targets (m, ...) and `counts`, drawn with replacement.

        Where real mistakes are `known`, with what the verifier says of these examples, that is what `at_most` is of. How
        many are wrong is left open then by what these mistakes allow: they have been held against the verifier as it is.
        """
        generator = torch.Generator().manual_seed(verifier.seed)
        found = list[Verdict]()
        for _ in range(_REPEATS):
            drawn = _drawn(targets, generator)
            again = verifier.anew()
            again.teach(view[drawn], targets[drawn], None if counts is None else counts[drawn])
            found.append(self.judge(again, None if known is None else known[1].drawn(generator)))
        at_most = [one.right for one in found]
        if known is not None:
            asked, in_line = known
            found = [self.judged(asked, line) for line in in_line.all_drawn()]
        return Spread(
            _between([self.examples(one.right).mean() for one in found]),
            _between([self.rows(one.right) for one in found]),
            _between([self.table(1 - one.right) for one in found]),
            _between([one.groups for one in found]),
            torch.stack(at_most).quantile(_HARDLY_MORE, 0) if len(self.given) else torch.empty(0, dtype=torch.double),
        )


def _drawn(targets: Tensor, generator: torch.Generator) -> Tensor:
    """Positions, (m,), drawn with replacement, of classes class by class."""
    every = torch.arange(len(targets))
    classes = targets.ndim == 1 and not targets.is_floating_point()
    groups = [every[targets == label] for label in targets.unique()] if classes else [every]
    return torch.cat([rows[torch.randint(len(rows), (len(rows),), generator=generator)] for rows in groups])


def _between(values: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(values)).double().quantile(_BETWEEN, 0)


def _sums(place: Tensor, values: Tensor, count: int) -> Tensor:
    return torch.zeros(count, dtype=torch.double).index_add_(0, place, values.double())
