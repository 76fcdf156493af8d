"""Which examples of a run are not checked, where their labels can be judged."""

import torch
from torch import Tensor

from reweigh.run.job.prepare import RunData

LEAST_CHECKED, _LEAST = 4, 2


def unchecked(data: RunData) -> Tensor | None:
    """Rows of the training examples that are not checked; None where their labels cannot be judged."""
    rows = torch.nonzero(~torch.isin(data.train.ids, data.clean.ids)).flatten()
    if data.train.task.judging is None or len(data.clean) < LEAST_CHECKED or len(rows) < _LEAST:
        return None
    return rows
