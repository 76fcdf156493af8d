"""What the finished model says of each training example."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from reweigh.data import Examples
from reweigh.errors import BadInput


@dataclass(frozen=True)
class Predictions:
    """(N,) each: the class with the largest probability, that probability, and the given label's."""

    suggested: Tensor
    suggested_probability: Tensor
    given_probability: Tensor


def predict(model: nn.Module, examples: Examples, batch_size: int = 1000) -> Predictions:
    """One pass over the examples; no more is kept than three numbers each, however many classes there are.

    Raises:
        BadInput: if the model's output is not finite.
    """
    parts = []
    with torch.no_grad():
        for rows in torch.split(torch.arange(len(examples)), batch_size):
            batch = examples.batch(rows)
            probabilities = model(batch["x"]).softmax(1)
            if not bool(probabilities.isfinite().all()):
                raise BadInput("the model's predictions are not finite: training diverged, train with a lower --lr")
            best = probabilities.max(1)
            parts.append((best.indices, best.values, probabilities.gather(1, batch["y"][:, None])[:, 0]))
    return Predictions(*(torch.cat(column) for column in zip(*parts, strict=True)))
