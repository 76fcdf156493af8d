"""Real mistakes held against the verifier: what checked examples were called before, judged by what others have taught."""

from dataclasses import replace

import torch
from torch import Tensor

from reweigh.rightness.before import Before, Relabelled
from reweigh.rightness.court import Court
from reweigh.rightness.crossfit import in_turn
from reweigh.rightness.in_line import InLine, look_alike
from reweigh.rightness.picked import stands_for
from reweigh.rightness.verifier import Verifier
from reweigh.rightness.witness import Witness


def relabelled(
    court: Court, whole: Verifier, view: Witness, targets: Tensor, counts: Tensor | None, before: Before
) -> Relabelled | None:
    """What came of it when labels were checked; None where it is not known of one, or not whether it was wrong.

    Args:
        court: of the examples that are not checked.
        whole: the verifier, taught by all of them; how frequent wrong labels are among those of a court is by what it says.
        view: of the checked examples, m of them.
        targets: their right targets, (m, ...).
        counts: as of `Verifier.teach`.
        before: what they were called, by their positions.
    """
    if not len(before.ids) or not len(court.given) or not view.exact:
        return None
    same = before.targets == targets[before.ids]
    generator = torch.Generator().manual_seed(whole.seed)
    of_all = court.asked(whole).shares
    odds, order = list[Tensor](), list[Tensor]()
    theirs, others = list[Tensor](), list[Tensor]()
    for held, taught in in_turn(whole, view, targets, counts, generator):
        ours = before.among(held)
        if not len(ours.ids):
            continue
        seen = view[held][ours.ids]
        mine = Court.of(seen, ours.targets, seen.others(ours.targets).targets)
        said = of_all.log_odds(taught.ask(mine.view, mine.given), mine.cells)
        odds.append(said)
        order.append(torch.isin(before.ids, held).nonzero().flatten())
        row, rows = mine.cells[0], court.cells[0]
        of_others = of_all.log_odds(taught.ask(court.view, court.given), court.cells)
        for group in row.unique():
            theirs.append(said[row == group])
            others.append(of_others[rows == group])
    if not odds:  # one checked example a class: there is nobody to ask
        return Relabelled.of(before, targets)
    alike = look_alike(theirs, others)
    rows, each = torch.cat(order), len(odds[0]) // len(order[0])
    count = stands_for(before, targets, court.given)
    weight = None if count is None else count[rows].repeat_interleave(each)
    in_line = InLine.of(torch.cat(odds), same[rows].flatten(), weight, whole.seed) if alike else None
    return replace(Relabelled.of(before, targets), alike=alike, in_line=in_line)
