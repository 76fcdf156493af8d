"""Central difference of two forward passes: any model at all, fused kernels and hand-written ones included.

    a_i ≈ (ℓ_i(θ + h·v) − ℓ_i(θ − h·v)) / 2h

Not exact: with a step of ‖h·v‖ = 5e-4 the alignments are right to about 1e-3 in float32 (the truncation error grows with
h², the rounding error with 1/h). Under bfloat16 a step of about 0.1 is needed to be seen at all. The parameters are moved
in place, since that is what every kernel follows, and set back from a snapshot, bit for bit.
"""

import functools
from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor

from reweigh import sharded
from reweigh._torch import add_each, copy_each
from reweigh._types import Params
from reweigh.alignment.engine import Engine
from reweigh.errors import BadInput
from reweigh.student import EngineTask
from reweigh.undo import ForAWhile, lent

_STEPS = {torch.float64: 1e-5, torch.float32: 5e-4}
COARSE_STEP = 0.1
"""‖h·v‖ for arithmetic in half precision."""


class Finite(Engine):
    """Central finite difference along v; `step` is ‖h·v‖, by default 1e-5 in float64, 5e-4 in float32, 0.1 below.

    `longer` multiplies either.
    """

    name: ClassVar[str] = "finite"
    exact: ClassVar[bool] = False
    spread: ClassVar[bool] = True

    def __init__(self, step: float | None = None, *, longer: float = 1.0) -> None:
        if step is not None and not 0 < step < float("inf"):
            raise BadInput(f"the finite engine's step is {step}: it is ‖h·v‖, a positive number such as 5e-4")
        self.step, self._longer = step, longer

    def roughness(self, task: EngineTask, direction: Params, alignments: Tensor) -> float:
        """What half the step and twice the step give otherwise; of the latter a third, since h² is all that it tells of."""
        size = max(float(alignments.double().norm()), 1e-300)

        def apart(longer: float) -> float:
            other = Finite(self.step, longer=longer * self._longer).alignments(task, direction)
            return float((other - alignments).double().norm()) / size

        return max(apart(0.5), apart(2.0) / 3)

    def alignments(self, task: EngineTask, direction: Params) -> Tensor:
        """Two forward passes without a graph, with the same buffers and the same dropout masks."""
        return self.alignments_and_losses(task, direction)[0]

    def alignments_and_losses(self, task: EngineTask, direction: Params) -> tuple[Tensor, Tensor]:
        """The same, and the mean of the two passes' losses, which is theirs in the middle to within h²."""
        tangents = task.tangents(direction)
        h = self._longer * step_length(tangents, self.step)
        if h == 0:
            losses = task.losses_alone()
            return torch.zeros_like(losses), losses
        params = [task.chosen[name] for name in tangents]
        # `.data` shares the storage but not the version counter: a graph that the caller holds stays valid, rightly,
        # because the values are back before anyone looks.
        places, vs = [sharded.local(p.data) for p in params], [sharded.local(v) for v in tangents.values()]
        with _set_back(places) as set_back:
            ahead = _losses_at(task, places, vs, h)
            set_back()
            behind = _losses_at(task, places, vs, -h)
        return (ahead - behind) / (2 * h), (ahead + behind) / 2

    def __repr__(self) -> str:
        return f"Finite(step={self.step})"


class _set_back(ForAWhile):
    """After the block these tensors have the values from before; the function that it hands out sets them back earlier."""

    def __init__(self, places: list[Tensor]) -> None:
        self._places = places

    def change(self) -> Callable[[], None]:
        """Nothing but a snapshot."""
        set_back = functools.partial(copy_each, self._places, [p.clone() for p in self._places])
        lent(set_back)
        return set_back


def step_length(tangents: Params, step: float | None = None) -> float:
    """h such that ‖h·v‖ is `step`, or what suits the parameters' arithmetic; zero where v is."""
    norm = sharded.size(list(tangents.values()))
    if not norm > 0:
        return 0.0
    return (step or max(_STEPS.get(v.dtype.to_real(), COARSE_STEP) for v in tangents.values())) / norm


def _losses_at(task: EngineTask, places: list[Tensor], vs: list[Tensor], h: float) -> Tensor:
    with torch.no_grad():
        add_each(places, vs, h)
    return task.losses_alone()
