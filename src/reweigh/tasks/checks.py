"""Checks of targets in memory, in the words that every task and the data sets use."""

import torch
from torch import Tensor

from reweigh.errors import BadInput


def check_vector(values: Tensor, what: str) -> None:
    """`values` is an (N,) int64 tensor, or `BadInput` says what it is instead."""
    if values.ndim != 1 or values.dtype != torch.int64:
        raise BadInput(
            f"{what} must be one int64 number an example, but has shape {tuple(values.shape)} and type "
            f"{str(values.dtype).removeprefix('torch.')}: convert with .long() and one dimension"
        )


def check_labels(labels: Tensor, classes: int, ids: Tensor | None = None, what: str = "label") -> None:
    """Labels (N,) are within 0..C-1; `ids` (N,) names the example in the message, else its row does.

    Raises:
        BadInput: naming the first example whose label is out of range.
    """
    check_vector(labels, f"the {what}s")
    outside = ((labels < 0) | (labels >= classes)).nonzero().flatten()
    if outside.numel():
        row = int(outside[0])
        where = f"in row {row}" if ids is None else f"of the example with id {int(ids[row])}"
        raise BadInput(
            f"the {what} {int(labels[row])} {where} is outside 0..{classes - 1}: correct it, or state all the classes"
        )


def check_targets(targets: Tensor, outputs: int, ids: Tensor, what: str = "label") -> None:
    """Float32 targets: finite numbers (N,) with one output, or zeros and ones (N, L) with L = `outputs`.

    Raises:
        BadInput: for another shape or type, or naming the first example whose target is out of range.
    """
    shaped = (targets.ndim == 1 and outputs == 1) or (targets.ndim == 2 and targets.shape[1] == outputs)
    if not shaped or targets.dtype != torch.float32:
        raise BadInput(
            f"the {what}s have shape {tuple(targets.shape)} and type {str(targets.dtype).removeprefix('torch.')}: give "
            f"(N,) int64 classes, (N,) float32 numbers with one name for them, or (N, {outputs}) float32 zeros and ones"
        )
    good = targets.isfinite() if targets.ndim == 1 else ((targets == 0) | (targets == 1)).all(dim=1)
    if not bool(good.all()):
        row = int((~good).nonzero()[0])
        must = "be a finite number" if targets.ndim == 1 else "hold zeros and ones only"
        raise BadInput(
            f"the {what} of the example with id {int(ids[row])} must {must}: correct it, or drop the example"
        )
