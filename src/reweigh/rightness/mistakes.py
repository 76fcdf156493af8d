"""Real mistakes held against the verifier: what checked examples were called before, judged by what others have taught."""

from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from reweigh.rightness.before import Before, Relabelled
from reweigh.rightness.calibration import Calibration
from reweigh.rightness.court import Court
from reweigh.rightness.crossfit import in_turn
from reweigh.rightness.in_line import InLine, look_alike
from reweigh.rightness.picked import stands_for
from reweigh.rightness.verifier import Verifier
from reweigh.rightness.witness import Witness


class _Fifth(NamedTuple):
    """Log-odds of what a fifth of the checked examples was called, and of what nobody checked, by one who knows neither.

    Attributes:
        before: the positions of those labels among all that are known, (k,).
        said: their log-odds, (q,), the questions of a label together.
        row: the row of the table that each question lies in, (q,).
        others: the log-odds of the questions of examples that nobody checked.
    """

    before: Tensor
    said: Tensor
    row: Tensor
    others: Tensor


def relabelled(
    court: Court,
    shares: Calibration,
    whole: Verifier,
    view: Witness,
    targets: Tensor,
    counts: Tensor | None,
    before: Before,
) -> Relabelled | None:
    """What came of it when labels were checked; None where it is not known of one, or not whether it was wrong.

    Args:
        court: of the examples that are not checked.
        shares: how frequent wrong labels are among these, by the verifier that all checked ones have taught.
        whole: that one; its settings are taken.
        view: of the checked examples, m of them.
        targets: their right targets, (m, ...).
        counts: as of `Verifier.teach`.
        before: what they were called, by their positions.
    """
    if not len(before.ids) or not len(court.given) or not view.exact:
        return None
    found = Relabelled.of(before, targets)
    if not found.wrong:  # they may have been corrected there, as whoever applies a review does
        return found
    draw = torch.Generator().manual_seed(whole.seed)
    turns = in_turn(whole, view, targets, counts, draw)
    parts = [
        _asked(court, shares, taught, view, before, held)
        for held, taught in turns
        if bool(torch.isin(before.ids, held).any())
    ]
    if not parts:  # one checked example a class: there is nobody to ask
        return found
    count = stands_for(before, targets, court.given)
    count = torch.ones(len(before.ids), dtype=torch.double) if count is None else count
    if not _alike(court, parts, count):
        return replace(found, alike=False)
    said, rows = torch.cat([part.said for part in parts]), torch.cat([part.before for part in parts])
    right = (before.targets == targets[before.ids])[rows].flatten()
    return replace(found, in_line=InLine.of(said, right, _each(count[rows], said), whole.seed))


def _asked(court: Court, shares: Calibration, taught: Verifier, view: Witness, before: Before, held: Tensor) -> _Fifth:
    """What it says, `taught` by all but those that are `held`, where wrong labels are as frequent as `shares` has it."""
    ours, there = before.among(held), torch.isin(before.ids, held).nonzero().flatten()
    seen = view[held][ours.ids]
    mine = Court.of(seen, ours.targets, seen.others(ours.targets).targets)
    said, others = (shares.log_odds(taught.ask(of.view, of.given), of.cells) for of in (mine, court))
    return _Fifth(there, said, mine.cells[0], others)


def _alike(court: Court, parts: list[_Fifth], count: Tensor) -> bool:
    """Whether they are like the others, row by row of the table, each fifth by its own verifier."""
    groups = [(part, row) for part in parts for row in part.row.unique()]
    return look_alike(
        [part.said[part.row == row] for part, row in groups],
        [part.others[court.cells[0] == row] for part, row in groups],
        [_each(count[part.before], part.said)[part.row == row] for part, row in groups],
    )


def _each(count: Tensor, said: Tensor) -> Tensor:
    """Of labels (k,) to questions (q,), which are several a label where an example has several."""
    return count.repeat_interleave(len(said) // len(count))
