"""From what is known of examples to what is known of their labels: taught by the checked ones, counted over the others."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from reweigh.rightness.before import Before
from reweigh.rightness.court import Court
from reweigh.rightness.crossfit import cross_fit
from reweigh.rightness.labels_view import LabelsView
from reweigh.rightness.mistakes import relabelled
from reweigh.rightness.numbers_view import NumbersView
from reweigh.rightness.own_errors import allowing
from reweigh.rightness.rightness import LabelRightness, NumberRightness, Rightness
from reweigh.rightness.verifier import Verifier
from reweigh.rightness.view import View
from reweigh.rightness.witness import Witness


@dataclass(frozen=True)
class Judging:
    """How targets of one sort are judged: what is known of them, and what comes out. A task hands one out.

    Attributes:
        witness: what a student and nearness say.
        result: what is told.
    """

    witness: type[Witness]
    result: type[Rightness]

    def judged(
        self,
        view: Witness,
        targets: Tensor,
        checked: Tensor,
        names: npt.NDArray[Any],
        *,
        kinds: Sequence[str] | None = None,
        seed: int = 0,
        before: Before | None = None,
    ) -> Rightness:
        """How likely each target is right.

        Args:
            view: of N examples, by a model that was not fitted to the same example; the checked ones out of their own class.
            targets: as given, (N, ...).
            checked: positions of those whose targets are known to be right, (m,).
            names: of the classes or labels.
            kinds: of wrong targets to be told from right ones; the usual ones if left out.
            seed: of all that is drawn.
            before: what checked ones were called before, by their position in `checked`, where that is known.
        """
        chosen = self.witness.usual_kinds if kinds is None else kinds
        verifier = Verifier(chosen, seed=seed, among=self.witness.kinds)
        open_ = torch.ones(len(targets), dtype=torch.bool)
        open_[checked] = False
        counts = view.counts(targets[checked], targets[open_])
        evidence = cross_fit(
            view[checked], targets[checked], verifier.kinds, ridge=verifier.ridge, seed=seed, weights=counts
        )
        others = view.others(targets)
        taught_by = view[checked], targets[checked], counts
        verifier.teach(*taught_by)
        court = Court.of(view[open_], targets[open_], others.targets[open_])
        asked = court.asked(verifier)
        seen = None if before is None else relabelled(court, asked.shares, verifier, *taught_by, before)
        in_line = None if seen is None else seen.in_line
        found = court.judged(asked, in_line)
        tells = (evidence.tells or (seen is not None and seen.enough)) and bool(open_.any())
        spread = court.spread(verifier, *taught_by, None if in_line is None else (asked, in_line))
        each, at_most = (torch.ones(targets.shape, dtype=torch.double) for _ in range(2))
        each[open_], at_most[open_] = (of.view(targets[open_].shape) for of in (found.right, spread.at_most))
        kind = torch.zeros(targets.shape, dtype=torch.int64)
        kind[open_] = found.kind.view(targets[open_].shape)
        share, rows, ends = float(court.examples(found.right).mean()), court.rows(found.right), spread
        if tells and in_line is None:
            ends = allowing(evidence, spread, share, rows, court.questions)
        return self.result(
            right=_of_all(each).numpy(),
            each=each.numpy(),
            at_most=_of_all(at_most).numpy(),
            suggested=others.targets.numpy(),
            likely=others.likely.double().numpy(),
            kind=np.asarray(verifier.kinds)[kind.numpy()],
            share=share if tells else None,
            interval=(float(ends.share[0]), float(ends.share[1])) if tells else None,
            kinds=dict(zip(verifier.kinds, found.groups[1:].tolist(), strict=True)) if tells else {},
            pairs=court.table(1 - found.right).numpy(),
            pair_interval=ends.table.numpy() if tells else None,
            pair_kinds=np.stack([court.table(part).numpy() for part in found.of_kind.T]),
            class_share=rows.numpy(),
            class_interval=ends.rows.numpy() if tells else None,
            classes=names,
            checked=~open_.numpy(),
            evidence=evidence,
            relabelled=seen,
            kind_intervals=dict(zip(verifier.kinds, _pairs(spread.groups[:, 1:]), strict=True)) if tells else {},
        ).finished(targets.numpy())


def _pairs(ends: Tensor) -> list[tuple[float, float]]:
    """Lower and upper ends (2, K) as one pair each."""
    return [(float(low), float(high)) for low, high in ends.T]


def _of_all(each: Tensor) -> Tensor:
    """The probability that all labels of an example are right, (n,)."""
    return each.flatten(1).prod(1) if each.ndim > 1 else each


OF_CLASSES = Judging(View, Rightness)
OF_LABELS = Judging(LabelsView, LabelRightness)
OF_NUMBERS = Judging(NumbersView, NumberRightness)
