"""Stepping back exactly instead of keeping snapshots: the parameters of earlier steps from those of the last one.

`ReversibleSGD` undoes its move from the velocity alone, and then its velocity from the gradient, which is computed again at
the parameters that the step started from, by the same operations and so to the same bits. The way back is checked: every
step left the checksum of its parameters.
"""

import copy
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from reweigh._types import Params
from reweigh.as_found import moved
from reweigh.errors import EngineRefused
from reweigh.optimizers import ReversibleSGD
from reweigh.sharded import local
from reweigh.student import Student
from reweigh.trajectory.record import RecordedStep
from reweigh.undo import ForAWhile, lent


class rewound(ForAWhile):
    """The parameters before each step, the last step's first, one set of them at a time.

    Afterwards parameters, gradients and the optimizer's state are as found.
    """

    def __init__(
        self,
        window: Sequence[RecordedStep],
        student: Student,
        optimizer: ReversibleSGD,
    ) -> None:
        self._window, self._student, self._optimizer = window, student, optimizer

    def change(self) -> Iterator[Params]:
        """Copies of parameters and state take the places of the real ones, which are not touched."""
        walk, optimizer = self._student.walk.refresh(), self._optimizer
        params = walk.parameters
        gradients = [(p, p.grad) for p in params.values()]
        state: dict[Tensor, Any] = {p: optimizer.state[p] for p in params.values() if p in optimizer.state}

        def put_back() -> None:
            for p, gradient in gradients:
                p.grad = gradient
            optimizer.state.update(state)

        moved(walk, {name: p.detach().clone() for name, p in params.items()}).change()
        lent(put_back)
        optimizer.state.update({p: copy.deepcopy(own) for p, own in state.items()})
        return _backwards(self._window, self._student, optimizer, params)


def _backwards(
    window: Sequence[RecordedStep],
    student: Student,
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
        optimizer.velocities_back(_gradients_again(step, student, params, moved))


def _gradients_again(
    step: RecordedStep,
    student: Student,
    params: dict[str, nn.Parameter],
    moved: dict[Tensor, float],
) -> dict[Tensor, Tensor]:
    """What `backward` left in `.grad` for this step, by the same operations."""
    for p in params.values():
        p.grad = None
    for part in step.parts:
        task = student.on(part.evidence.batch)
        with part.setting.again(task.walk):
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
        words = local(p).contiguous().reshape(-1).view(_WORDS[p.element_size()])
        total = (total * 31 + int(words.long().sum())) % 2**62
    return total


_WORDS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
