"""Shares of right labels with the verifier's own errors allowed for, as held-out checked examples have shown them.

Teaching anew with checked examples drawn from these says what is left open by chance. It does not say that a class of two
per cent has ten of them, of which one looks wrong: a tenth of that class then looks wrong in the training set as well, each
time. So the ends of an interval are moved by what is seen of pairs that the verifier was not taught by: the lower end of
wrong labels by how many right ones look wrong, the upper by how many wrong ones look right (adjusted counts: Forman, 2008;
probabilistic ones: Bella et al., 2010; here they move the ends and not the estimate, since they are few themselves).
"""

import torch
from torch import Tensor

from reweigh.rightness.court import Spread
from reweigh.rightness.crossfit import CrossFit

_NEARLY = 1e-12


def allowing(evidence: CrossFit, spread: Spread, share: float, rows: Tensor, questions: int) -> Spread:
    """Wider ends.

    Args:
        evidence: what held-out checked examples said.
        spread: ends by chance alone.
        share: of right examples, of which each is asked so many `questions`.
        rows: shares of right targets in each row of the table, (G,); NaN of one without any.
        questions: how many are asked of an example.
    """
    of_all = [errors * questions for errors in evidence.errors(torch.tensor([share], dtype=torch.double))]
    wider = _moved(spread.rows, *evidence.errors(rows.nan_to_num(1.0)))
    grown = (1 - wider).flip(0) / (1 - spread.rows).flip(0).clamp_min(_NEARLY)  # of wrong ones: the lower end first
    return spread._replace(
        share=_moved(spread.share, *of_all), rows=wider, table=spread.table * grown.nan_to_num(1.0)[:, :, None]
    )


def _moved(right: Tensor, alarms: Tensor, missed: Tensor) -> Tensor:
    """Ends of shares of right ones, (2, ...), where these shares of right ones look wrong, and of wrong ones right."""
    low, high = 1 - right[1], 1 - right[0]  # of wrong ones
    low, high = low - (1 - low) * alarms.view_as(low), high + high * missed.view_as(high)
    return torch.stack([1 - high, 1 - low]).clamp(0, 1)
