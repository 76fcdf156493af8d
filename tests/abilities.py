"""What the PyTorch at hand can do. What it cannot, the library has to refuse in a sentence, and the tests ask for that."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.autograd.forward_ad import dual_level, make_dual
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint


def _goes(call: Callable[[], object]) -> bool:
    try:
        call()
    except (RuntimeError, NotImplementedError):
        return False
    return True


def _twice(function: Callable[[Tensor], Tensor], x: Tensor) -> Callable[[], object]:
    def differentiated() -> object:
        leaf = x.double().requires_grad_()
        (once,) = torch.autograd.grad(function(leaf).square().sum(), leaf, create_graph=True)
        return torch.autograd.grad(once.square().sum(), leaf)

    return differentiated


def _forward(function: Callable[[Tensor], Tensor], x: Tensor) -> Callable[[], object]:
    def with_dual_numbers() -> object:
        with dual_level():
            return function(make_dual(x.double().requires_grad_(), torch.ones_like(x).double()))

    return with_dual_numbers


def _sampled(x: Tensor) -> Tensor:
    return F.grid_sample(x, x[:, :2].movedim(1, -1).tanh(), align_corners=False)


_IMAGE, _ROWS = torch.linspace(-1, 1, 18).view(1, 2, 3, 3), torch.linspace(-1, 1, 6).view(3, 2)
SAMPLES_TWICE, SAMPLES_FORWARD = _goes(_twice(_sampled, _IMAGE)), _goes(_forward(_sampled, _IMAGE))
"""Second derivatives of `grid_sample` (not in 2.6), and dual numbers through it (in 2.15)."""

DISTANCES_TWICE = _goes(_twice(lambda x: torch.cdist(x, x.detach() + 1), _ROWS))
"""Second derivatives of `cdist` (in 2.15)."""

RECOMPUTES_FORWARD = _goes(_forward(lambda x: checkpoint(torch.tanh, x, use_reentrant=False), _ROWS))
"""Dual numbers through a checkpoint (not in 2.6)."""
