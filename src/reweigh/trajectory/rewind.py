"""Stepping back exactly instead of keeping snapshots: the parameters of earlier steps from those of the last one.

`ReversibleSGD` undoes its move from the velocity alone, and then its velocity from the gradient, which is computed again at
the parameters that the step started from, by the same operations and so to the same bits. The way back is checked: every
step left the checksum of its parameters.
"""

import contextlib
import copy
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from reweigh._types import Params, PerExampleLoss
from reweigh.alignment import Task
from reweigh.errors import EngineRefused
from reweigh.optimizers import ReversibleSGD
from reweigh.student import unwrap
from reweigh.trajectory.record import RecordedStep


@contextlib.contextmanager
def rewound(
    window: Sequence[RecordedStep], model: nn.Module, per_example_loss: PerExampleLoss, optimizer: ReversibleSGD
) -> Iterator[Iterator[Params]]:
    """The parameters before each step, the last step's first, one set of them at a time.

    Afterwards parameters, gradients and the optimizer's state are as found.
    """
    module = unwrap(model)
    params = dict(module.named_parameters())
    own = {name: (p.data, p.grad) for name, p in params.items()}
    state = {p: copy.deepcopy(optimizer.state[p]) for p in params.values() if p in optimizer.state}
    try:
        for p in params.values():
            p.data = p.data.clone()
        yield _backwards(window, model, per_example_loss, optimizer, params)
    finally:
        for name, (data, grad) in own.items():
            params[name].data, params[name].grad = data, grad
        for p, found in state.items():
            optimizer.state[p] = found


def _backwards(
    window: Sequence[RecordedStep],
    model: nn.Module,
    per_example_loss: PerExampleLoss,
    optimizer: ReversibleSGD,
    params: dict[str, nn.Parameter],
) -> Iterator[Params]:
    for step in reversed(window):
        if step.params is not None:  # the optimizer's very first step: nothing lies before it
            yield step.params
            return
        moved: dict[Tensor, float] = {
            params[name]: float(group["lr"])
            for name, group in step.held.groups.items()
            if params[name] in optimizer.state
        }
        optimizer.parameters_back(moved)
        if step.checksum != checksum(params):
            raise EngineRefused(
                "the student's steps could not be taken back exactly, because its gradient comes out differently the second "
                "time: use memory='snapshots', or torch.use_deterministic_algorithms(True)"
            )
        yield {name: p.detach().clone() for name, p in params.items()}
        optimizer.velocities_back(_gradients_again(step, model, per_example_loss, params, moved))


def _gradients_again(
    step: RecordedStep,
    model: nn.Module,
    per_example_loss: PerExampleLoss,
    params: dict[str, nn.Parameter],
    moved: dict[Tensor, float],
) -> dict[Tensor, Tensor]:
    """What `backward` left in `.grad` for this step, by the same operations."""
    for p in params.values():
        p.grad = None
    for part in step.parts:
        task = Task(model, per_example_loss, part.evidence.batch)
        with part.setting.again(task.module):
            torch.autograd.backward(task.training_losses(), part.weights)
    if step.factor != 1.0:
        raise EngineRefused(
            "gradients were scaled between backward and step: memory='reverse' cannot step back, use 'snapshots'"
        )
    return {p: p.grad if p.grad is not None else torch.zeros_like(p) for p in params.values() if p in moved}


def checksum(params: Params) -> int:
    """A number that changes with any bit of the parameters."""
    total = 0
    for p in params.values():
        words = p.detach().contiguous().reshape(-1).view(_WORDS[p.element_size()])
        total = (total * 31 + int(words.long().sum())) % 2**62
    return total


_WORDS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
