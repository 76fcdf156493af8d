"""How near examples lie to the checked examples of each class, in any features: inputs, or a network's internal states."""

import torch
import torch.nn.functional as F
from torch import Tensor

_SHARPNESS = 4.0
_LEAST_SPREAD = 1e-2


def nearness(features: Tensor, checked: Tensor, labels: Tensor, classes: int) -> Tensor:
    """Log-probabilities of the classes by the distance to their checked means, (n, K).

    A checked example is left out of its own class's mean, or it would be near to itself.

    Args:
        features: of all examples, (n, D); brought to the same spread first.
        checked: the positions of the checked ones, (m,).
        labels: their right labels, (m,).
        classes: K.
    """
    z = (features - features.mean(0)) / features.std(0).clamp_min(_LEAST_SPREAD)
    of_class = F.one_hot(labels, classes).to(z)
    sums, counts = of_class.T @ z[checked], of_class.sum(0)[:, None]
    centre = z[checked].mean(0)
    means = torch.where(counts > 0, sums / counts.clamp_min(1), centre)  # of a class that has none: no opinion
    apart = _mean_square(z, means)
    rest = counts[labels] - 1
    without = torch.where(rest > 0, (sums[labels] - z[checked]) / rest.clamp_min(1), centre)
    apart[checked, labels] = (z[checked] - without).square().mean(1)
    return (-_SHARPNESS * apart).log_softmax(1)


def _mean_square(z: Tensor, means: Tensor) -> Tensor:
    """The mean over D of (z - mean)², (n, K), without an (n, K, D) tensor."""
    square = z.square().mean(1, keepdim=True) + means.square().mean(1) - 2 * (z @ means.T) / z.shape[1]
    return square.clamp_min(0)
