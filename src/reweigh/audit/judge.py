"""What the finished model says of each training example."""

from typing import Any

import torch
from torch import Tensor, nn

from reweigh.data import Examples
from reweigh.run.job.evaluate import finite
from reweigh.tasks import Judged


def judge(model: nn.Module, examples: Examples, batch_size: int = 1000) -> Judged:
    """One pass over the examples; no more is kept than three numbers a label, however many classes there are.

    Raises:
        BadInput: if the model's output is not finite.
    """

    def asked(*inputs: Any) -> Tensor:
        return finite(model(*inputs))

    with torch.no_grad():
        batches = (examples.batch(rows) for rows in torch.arange(len(examples)).split(batch_size))
        parts = [examples.task.suggested(asked, batch) for batch in batches]
    return Judged(*(torch.cat(column) for column in zip(*parts, strict=True)))
