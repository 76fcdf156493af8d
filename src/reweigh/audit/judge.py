"""What the finished model says of each training example."""

import torch
from torch import nn

from reweigh.data import Examples
from reweigh.run.job.evaluate import batches_on, finite
from reweigh.tasks import Judged


def judge(model: nn.Module, examples: Examples, batch_size: int = 1000) -> Judged:
    """One pass over the examples; no more is kept than three numbers a label, however many classes there are.

    Raises:
        BadInput: if the model's output is not finite.
    """
    asked = batches_on(model, examples, torch.device("cpu"), batch_size)
    parts = [examples.task.judge(finite(outputs), batch["y"]) for batch, outputs in asked]
    return Judged(*(torch.cat(column) for column in zip(*parts, strict=True)))
