"""Optimizers as hosts hand them out, around the one of PyTorch that makes the step."""

from typing import Any

from torch.optim import Optimizer


def unwrapped(optimizer: Any) -> Any:
    """The optimizer inside those that Accelerate or Lightning put around it; itself where there is none."""
    while isinstance(inner := getattr(optimizer, "optimizer", None), Optimizer):
        optimizer = inner
    return optimizer


def has_stepped(optimizer: Any) -> bool:
    """Whether its last `step()` was one: Accelerate makes none while it accumulates gradients."""
    return bool(getattr(getattr(optimizer, "gradient_state", None), "sync_gradients", True))
