"""What the finished model says of each training example."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from reweigh.data import Examples
from reweigh.training.evaluate import batches_on, finite


@dataclass(frozen=True)
class Predictions:
    """What the model suggests, shaped as the labels: (N,) or (N, L); how sure it is, and how likely the given label, (N,).

    A regression's suggestion is the standardised value, and its probabilities are NaN. Of several labels, the probabilities
    are the geometric means over the labels.
    """

    suggested: Tensor
    suggested_probability: Tensor
    given_probability: Tensor


def predict(model: nn.Module, examples: Examples, batch_size: int = 1000) -> Predictions:
    """One pass over the examples; no more is kept than three numbers a label, however many classes there are.

    Raises:
        BadInput: if the model's output is not finite.
    """
    look, asked = _LOOKS[examples.task], batches_on(model, examples, torch.device("cpu"), batch_size)
    parts = [look(finite(outputs), batch["y"]) for batch, outputs in asked]
    return Predictions(*(torch.cat(column) for column in zip(*parts, strict=True)))


def _of_classes(outputs: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    probabilities = outputs.softmax(1)
    best = probabilities.max(1)
    return best.indices, best.values, probabilities.gather(1, y[:, None])[:, 0]


def _of_labels(outputs: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    def likely(labels: Tensor) -> Tensor:
        loss = torch.nn.functional.binary_cross_entropy_with_logits(outputs, labels, reduction="none")
        return torch.exp(-loss.mean(1))

    suggested = (outputs > 0).to(y.dtype)
    return suggested, likely(suggested), likely(y)


def _of_values(outputs: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    unknown = torch.full_like(y, float("nan"))
    return outputs[:, 0], unknown, unknown


_LOOKS: Mapping[str, Callable[[Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]] = {
    "classification": _of_classes,
    "multi-label": _of_labels,
    "regression": _of_values,
}
