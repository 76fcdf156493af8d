"""The loss that a run trains with: the task's, of each example, on the device and in the precision of the run."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from reweigh._types import PerExampleLoss
from reweigh.tasks import Task


def loss_on(device: torch.device, task: Task, precision: str = "fp32") -> PerExampleLoss:
    """The task's loss of each example, its batch brought to the model's device: (B,).

    In "bf16" and "fp16" the model's pass is under autocast, of its own each time, so that no cast weight outlives a change;
    the loss is worked out in float32.
    """
    half = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision)

    def per_example_loss(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        there = {name: value if name == "id" else value.to(device) for name, value in batch.items()}
        return task.loss(model if half is None else _in_half(model, device, half), there)

    return per_example_loss


def _in_half(model: nn.Module, device: torch.device, half: torch.dtype) -> Callable[..., Tensor]:
    def outputs(*args: Any, **kwargs: Any) -> Tensor:
        with torch.autocast(device.type, half):
            found: Tensor = model(*args, **kwargs)
        return found.float()

    return outputs
