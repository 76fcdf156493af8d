"""The checked examples that lie nearest to each suspect, in the trained student's states."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from reweigh.audit import Audit
from reweigh.ledger.visits import Array
from reweigh.run.job.look import look

NEAREST = 5
_AT_ONCE, _LEAST_SPREAD = 500, 1e-2


class Nearest(NamedTuple):
    """Of n suspects.

    Attributes:
        used: the checked examples that are near to any of them, m of their rows in `Audit.checked`, in order.
        places: for each suspect where its nearest ones stand in `used`, the nearest first, (n, k).
    """

    used: Array
    places: Array


def nearest_checked(audit: Audit, model: nn.Module, rows: Array) -> Nearest:
    """The `NEAREST` nearest checked examples of the training examples at `rows` (n,), fewer where fewer are checked.

    Distances are Euclidean in the states before the last layer, each number of which is brought to the same spread first.
    An example that is checked itself is not its own neighbour.
    """
    suspects = torch.from_numpy(rows)
    both = look(model, [(audit.examples, suspects), (audit.checked, torch.arange(len(audit.checked)))])[1]
    states, checked = both.split([len(suspects), len(audit.checked)])
    spread = both.std(0, correction=0).clamp_min(_LEAST_SPREAD)
    ids = audit.examples.ids[suspects]
    found = [
        _nearest(part / spread, checked / spread, mine[:, None] == audit.checked.ids)
        for part, mine in zip(states.split(_AT_ONCE), ids.split(_AT_ONCE), strict=True)
    ]
    used, places = torch.cat(found).unique(return_inverse=True)
    return Nearest(used.numpy(), places.numpy())


def _nearest(states: Tensor, checked: Tensor, itself: Tensor) -> Tensor:
    apart = torch.cdist(states, checked).masked_fill(itself, float("inf"))
    return apart.topk(min(NEAREST, len(checked)), largest=False).indices
