"""A model asked about examples, and its scores on the test set."""

from collections.abc import Iterator
from typing import Protocol

import torch
from torch import Tensor, nn

from reweigh.data import Examples
from reweigh.data.stored import Inputs
from reweigh.errors import BadInput
from reweigh.tasks import Task


class Asked(Protocol):
    """N examples to ask a model about, handed out in batches."""

    @property
    def x(self) -> Inputs:
        """(N, ...), however they are kept."""

    def batch(self, rows: Tensor) -> dict[str, Tensor]:
        """The examples at `rows` (B,), with "x" as a model takes it."""


def outputs_on(model: nn.Module, examples: Asked, device: torch.device, batch_size: int = 1000) -> Tensor:
    """What the model, in eval mode, gives for every example: (N, K) on the CPU; its mode is left as found."""
    training = model.training
    model.eval()
    try:
        return torch.cat([outputs for _, outputs in batches_on(model, examples, device, batch_size)])
    finally:
        model.train(training)


def batches_on(
    model: nn.Module, examples: Asked, device: torch.device, batch_size: int = 1000
) -> Iterator[tuple[dict[str, Tensor], Tensor]]:
    """Each batch of the examples and what the model gives for it, (B, K) on the CPU, as it is asked."""
    for rows in torch.split(torch.arange(len(examples.x)), batch_size):
        batch = examples.batch(rows)
        with torch.no_grad():
            outputs = model(batch["x"].to(device)).float().cpu()
        yield batch, outputs


def finite(outputs: Tensor) -> Tensor:
    """The outputs of a finished run's model, as they are.

    Raises:
        BadInput: if one is NaN or infinite.
    """
    if not bool(outputs.isfinite().all()):
        raise BadInput("the model's predictions are not finite: training diverged, train with a lower --lr")
    return outputs


def accuracy(model: nn.Module, examples: Examples, device: torch.device, batch_size: int = 1000) -> float:
    """The share of `examples` whose given label the model, in eval mode, gives the largest logit."""
    predicted = outputs_on(model, examples, device, batch_size).argmax(1)
    return int((predicted == examples.y).sum()) / len(examples)


def scores_on(model: nn.Module, examples: Examples, task: Task, device: torch.device) -> dict[str, float]:
    """The task's scores on `examples`, by name, the score first."""
    return task.scores(outputs_on(model, examples, device), examples.y)
