"""What a set of example weights says, in three numbers, and how right predicted classes are.

A weight is only worth something if it tells right labels from wrong ones, if it leaves enough examples to
learn from, and if it does not starve a class. So: how well a score ranks the known positives above the rest
(AUROC), how many equally weighted examples the weights are worth (effective sample size), and where the mass
goes (mass per class). Plain torch, no thresholds, nothing to tune.
"""

import torch
from torch import Tensor

from reweigh.errors import BadInput


def auroc(scores: Tensor, positive: Tensor) -> float:
    """The chance that a positive example scores higher than a negative one; ties count one half.

    Computed from ranks (the Mann-Whitney statistic), in float64, exact with ties. To ask how well weights
    find wrong labels, hand in `scores=-weights` and `positive=corrupted`. Where one of the two groups is
    empty the question has no answer and the result is NaN.

    Args:
        scores: (N,) real numbers, higher means more positive.
        positive: (N,) true (or non-zero) where the example is positive.

    Raises:
        BadInput: if the shapes differ, or a score is NaN.
    """
    _same_length(scores, positive, "scores", "positive")
    scores, positive = scores.detach().cpu().double(), positive.detach().cpu().bool()
    if bool(scores.isnan().any()):
        at = int(scores.isnan().nonzero()[0])
        raise BadInput(f"auroc: scores[{at}] is NaN; rank only examples that have a score")
    positives = int(positive.sum())
    negatives = len(positive) - positives
    if positives == 0 or negatives == 0:
        return float("nan")
    above = _mid_ranks(scores)[positive].sum().item() - positives * (positives + 1) / 2
    return float(above / (positives * negatives))


def effective_sample_size(weights: Tensor) -> float:
    """How many equally weighted examples these weights are worth: Kish's (Σ w)² / Σ w², in [0, N].

    Args:
        weights: (N,) non-negative weights, on any scale.

    Returns:
        N for equal weights, 1 where one example has it all, 0 where all are zero.
    """
    weights = weights.detach().double()
    largest = float(weights.abs().max()) if weights.numel() else 0.0
    if largest == 0.0:
        return 0.0
    weights = weights / largest  # so that neither square can under- nor overflow
    return float(weights.sum() ** 2 / weights.square().sum())


def macro_f1(predicted: Tensor, labels: Tensor, classes: int) -> float:
    """F1 averaged over the classes that are there or predicted; a class that is only one of both has 0.

    A comparison asks for it on hundreds of resamples, where scikit-learn's takes longer than what it counts.

    Args:
        predicted, labels: (N,) int64 in 0..classes-1.
        classes: C.
    """
    hit, made, wanted = (
        part.bincount(minlength=classes).double() for part in (labels[predicted == labels], predicted, labels)
    )
    both = made + wanted
    return float((2 * hit / both)[both > 0].mean())


def mass_per_class(weights: Tensor, labels: Tensor, classes: int) -> Tensor:
    """The sum of the weights of each class.

    Args:
        weights: (N,) weights.
        labels: (N,) integer labels in 0..classes-1.
        classes: C.

    Returns:
        (C,) on the device and of the dtype of the weights.

    Raises:
        BadInput: if the shapes differ or a label is outside 0..C-1.
    """
    _same_length(weights, labels, "weights", "labels")
    if labels.is_floating_point() and not bool((labels == labels.floor()).all()):
        raise BadInput("mass_per_class: the labels are no whole numbers: number the classes from 0")
    if len(labels) and (int(labels.min()) < 0 or int(labels.max()) >= classes):
        raise BadInput(
            f"mass_per_class: labels run from {int(labels.min())} to {int(labels.max())}, "
            f"but {classes} classes allow only 0 to {classes - 1}"
        )
    weights = weights.detach()
    mass = torch.zeros(
        classes, dtype=torch.float64, device=weights.device
    )  # half precision would stop counting at 2,048
    return mass.index_add_(0, labels.to(weights.device, torch.long), weights.double()).to(weights.dtype)


def _mid_ranks(scores: Tensor) -> Tensor:
    """Ranks from 1, equal scores sharing the mean of their ranks. (N,) -> (N,) float64."""
    _, group, counts = torch.unique(scores, sorted=True, return_inverse=True, return_counts=True)
    last = counts.cumsum(0).double()
    ranks: Tensor = (last - (counts.double() - 1) / 2)[group]
    return ranks


def _same_length(one: Tensor, other: Tensor, name: str, other_name: str) -> None:
    if one.ndim != 1 or one.shape != other.shape:
        raise BadInput(
            f"{name} {tuple(one.shape)} and {other_name} {tuple(other.shape)} must both have shape (N,), "
            "one entry an example"
        )
