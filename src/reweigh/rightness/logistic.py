"""Softmax regression by Newton's method: convex, so that it has one answer and can be had again at any time."""

from dataclasses import dataclass, fields

import torch
from torch import Tensor

_STEPS, _ENOUGH = 30, 1e-8
_LEAST_SPREAD = 1e-3
_INTERCEPT = 1e-3
_MOST = 30.0


@dataclass(frozen=True)
class Fitted:
    """A softmax regression that was fitted: called with features (n, f), it gives log-odds of each group against the first.

    Attributes:
        mean, spread: what features are standardised by, (f,).
        beta: coefficients, the intercept last, (f + 1, G - 1).
    """

    mean: Tensor
    spread: Tensor
    beta: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """Log-odds, (n, G), whose first column is zero."""
        found = (_design(x, self.mean, self.spread) @ self.beta).clamp(-_MOST, _MOST)
        return torch.cat([torch.zeros(len(found), 1, dtype=torch.double), found], 1)

    def state_dict(self) -> dict[str, Tensor]:
        """Tensors by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def softmax_regression(x: Tensor, groups: Tensor, ridge: float, weights: Tensor | None = None) -> Fitted:
    """Fit log-odds of G groups, as they are in the examples, linear in standardised features.

    Args:
        x: features, (n, f).
        groups: each example's group, (n,), 0 to G - 1, every one there.
        ridge: the strength of the penalty on the coefficients' squares.
        weights: of the examples, (n,); ones if left out.
    """
    x, count = x.double(), int(groups.max()) + 1
    mean, spread = x.mean(0), x.std(0).clamp_min(_LEAST_SPREAD)
    z, truth = _design(x, mean, spread), torch.nn.functional.one_hot(groups, count)[:, 1:].double()
    w = torch.ones(len(x), dtype=torch.double) if weights is None else weights.double()
    penalty = torch.full((z.shape[1],), ridge, dtype=torch.double)
    penalty[-1] = _INTERCEPT
    beta = torch.zeros(z.shape[1], count - 1, dtype=torch.double)
    for _ in range(_STEPS):
        step = _newton(z, truth, w, penalty, beta)
        beta = beta - step
        if float(step.abs().max()) < _ENOUGH:
            break
    return Fitted(mean, spread, beta)


def _design(x: Tensor, mean: Tensor, spread: Tensor) -> Tensor:
    return torch.cat([(x.double() - mean) / spread, torch.ones(len(x), 1, dtype=torch.double)], 1)


def _newton(z: Tensor, truth: Tensor, w: Tensor, penalty: Tensor, beta: Tensor) -> Tensor:
    p = torch.cat([torch.zeros(len(z), 1, dtype=torch.double), z @ beta], 1).softmax(1)[:, 1:]
    gradient = z.T @ (w[:, None] * (p - truth)) + penalty[:, None] * beta
    f, g = beta.shape
    hessian = torch.zeros(g, f, g, f, dtype=torch.double)
    for a in range(g):
        for b in range(g):
            each = p[:, a] * (float(a == b) - p[:, b])
            hessian[a, :, b, :] = (z * (w * each)[:, None]).T @ z
    flat = hessian.reshape(g * f, g * f) + torch.diag(penalty.repeat(g))
    step: Tensor = torch.linalg.solve(flat, gradient.T.reshape(-1)).reshape(g, f).T
    return step
