"""Shares of right labels with the verifier's own errors allowed for, as held-out checked examples have shown them.

Teaching anew with checked examples drawn from these says what is left open by chance. It does not say that a class of two
per cent has ten of them, of which one looks wrong: a tenth of that class then looks wrong in the training set as well, each
time. So the ends of an interval are moved by what is seen of pairs that the verifier was not taught by: the lower end of
wrong labels where it tells too many, the upper where it tells too few, and both by the standard error of that (adjusted
counts: Forman, 2008; probabilistic ones: Bella et al., 2010; here they move the ends alone, since the pairs are few).
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
    each = share ** (1 / questions)  # of what is asked: an example is right where all of it is
    of_example = questions * each ** (questions - 1)
    of_all = [of_example * part for part in evidence.too_many(torch.tensor([each], dtype=torch.double))]
    wider = _moved(spread.rows, *evidence.too_many(rows.nan_to_num(1.0)))
    grown = (1 - wider).flip(0) / (1 - spread.rows).flip(0).clamp_min(_NEARLY)  # of wrong ones: the lower end first
    return spread._replace(
        share=_moved(spread.share, *of_all), rows=wider, table=spread.table * grown.nan_to_num(1.0)[:, :, None]
    )


def _moved(right: Tensor, too_many: Tensor, error: Tensor) -> Tensor:
    """Ends of shares of right ones, (2, ...), where so many too many are told to be wrong."""
    many, error = too_many.view_as(right[0]), error.view_as(right[0])
    return torch.stack([right[0] - (-many).clamp_min(0) - error, right[1] + many.clamp_min(0) + error]).clamp(0, 1)
