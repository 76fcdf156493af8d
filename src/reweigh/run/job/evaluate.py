"""A model asked about examples, and its scores on the test set."""

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

import torch
from torch import Tensor, nn

from reweigh._types import PerExampleLoss
from reweigh.data import Examples
from reweigh.data.stored import Inputs
from reweigh.errors import BadInput
from reweigh.tasks import Task

Ask = Callable[[nn.Module, Mapping[str, Tensor]], Tensor]
"""From a model and a batch to what it says of it, (B, K)."""


def of_inputs(model: nn.Module, batch: Mapping[str, Tensor]) -> Tensor:
    """What a model gives for the inputs alone."""
    return model(batch["x"]).float()  # type: ignore[no-any-return]


class Asked(Protocol):
    """N examples to ask a model about, handed out in batches."""

    @property
    def x(self) -> Inputs:
        """(N, ...), however they are kept."""

    def batch(self, rows: Tensor) -> dict[str, Tensor]:
        """The examples at `rows` (B,), with "x" as a model takes it."""


def outputs_on(model: nn.Module, examples: Asked, device: torch.device, task: Task, batch_size: int = 1000) -> Tensor:
    """What the model, in eval mode, answers for every example: (N, K) on the CPU; its mode is left as found."""
    training = model.training
    model.eval()
    try:
        asked = batches_on(model, examples, device, batch_size, task.outputs_of)
        return torch.cat([outputs for _, outputs in asked])
    finally:
        model.train(training)


def batches_on(
    model: nn.Module, examples: Asked, device: torch.device, batch_size: int = 1000, ask: Ask = of_inputs
) -> Iterator[tuple[dict[str, Tensor], Tensor]]:
    """Each batch of the examples and what the model says of it, (B, K) on the CPU, as it is asked."""
    for rows in torch.split(torch.arange(len(examples.x)), batch_size):
        batch = examples.batch(rows)
        with torch.no_grad():
            outputs = ask(model, {name: values.to(device) for name, values in batch.items()}).cpu()
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
    predicted = outputs_on(model, examples, device, examples.task, batch_size).argmax(1)
    return int((predicted == examples.y).sum()) / len(examples)


def scores_on(model: nn.Module, examples: Examples, task: Task, device: torch.device) -> dict[str, float]:
    """The task's scores on `examples`, by name, the score first."""
    return task.scores(outputs_on(model, examples, device, task), examples.y)


def losses_on(model: nn.Module, examples: Examples, loss: PerExampleLoss, batch_size: int = 1000) -> Tensor:
    """The loss of each example, (N,), in eval mode; the model's mode is left as found."""
    training, found = model.training, list[Tensor]()
    model.eval()
    try:
        for rows in torch.split(torch.arange(len(examples)), batch_size):
            with torch.no_grad():
                found.append(loss(model, examples.batch(rows)).cpu())
    finally:
        model.train(training)
    return torch.cat(found)


def mean_loss_on(model: nn.Module, examples: Examples, loss: PerExampleLoss, batch_size: int = 1000) -> float:
    """The mean of these."""
    return float(losses_on(model, examples, loss, batch_size).mean())
