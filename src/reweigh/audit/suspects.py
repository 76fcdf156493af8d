"""Which examples people look at: those whose label looks wrong, and a few more, so that one sees where to stop."""

import numpy as np

from reweigh.audit.audit import Audit
from reweigh.ledger.visits import Array

AT_LEAST, AT_MOST = 100, 10_000


def suspects(audit: Audit, count: int | None = None) -> Array:
    """Rows of the examples to be looked at, most distrusted first: the first `count` of the ranking.

    If that is left out: those whose label looks wrong or is another than a checked copy's, and more of the ranking up to a
    hundred, so that one sees where to stop; ten thousand at most. Examples that were never seen, and those that are
    checked, are left out.
    """
    order = audit.order[~np.isnan(audit.quality[audit.order])]
    order = order[~np.isin(audit.examples.ids.numpy()[order], audit.checked.ids.numpy())]
    if count is not None:
        return order[:count]
    wanted = audit.issue[order]
    if audit.copies is not None:
        wanted |= audit.copies.against_checked[order]
    wanted[:AT_LEAST] = True
    return order[wanted][:AT_MOST]
