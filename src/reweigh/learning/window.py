"""The student's last K steps as they are recorded: opened by a weighed batch, closed when the optimizer has stepped."""

import functools
import math
import warnings
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from reweigh import distributed
from reweigh._torch import tree_map
from reweigh._types import Params
from reweigh.errors import BadInput
from reweigh.learning.settings import Learning
from reweigh.learning.trace import Trace, norm_of_gradients, stepped
from reweigh.optimizers import Snapshot
from reweigh.rules import Evidence, LearnedRule
from reweigh.sharded import is_sharded, spread_as
from reweigh.trajectory import Part, RecordedStep, checksum
from reweigh.walk import Walk


class Window:
    """Recorded steps, the earliest first; each begins where the one before it led."""

    def __init__(self, walk: Walk, optimizer: Optimizer, learning: Learning) -> None:
        self._walk, self._optimizer, self._learning = walk, optimizer, learning
        self.steps: list[RecordedStep] = []
        self._open: RecordedStep | None = None
        self._traces: list[Trace] = []
        self._norm = 0.0

    @property
    def opened(self) -> RecordedStep | None:
        """The step that is not taken yet."""
        return self._open

    def add(self, part: Part) -> None:
        """Keep a weighed batch; before the first of a step, the parameters as they are.

        Batches that were weighed before and came to nothing are dropped: no gradient followed, or it was cleared again.
        """
        params = self._walk.refresh().parameters
        now = Trace.of(params)
        if self._open is not None:
            if stepped(self._open, params, self._traces[0]):
                self.steps, self._open = [], None  # a step that was never announced: the way back is lost
            else:
                self._drop_void(self._open, now, params)
                if not self._open.parts or norm_of_gradients(params) == 0.0:
                    self._open = None
        if self._open is None:
            self._traces = []
            # Before its first step ReversibleSGD has not yet rounded the parameters to what it can come back to.
            kept = self._learning.memory == "snapshots" or not self._optimizer.state
            values = {name: p.detach().clone() for name, p in params.items()} if kept else None
            held = Snapshot.of(self._optimizer, params)
            self._open = RecordedStep(values, held, checksum=0 if kept else checksum(params))
        self._norm = 0.0
        self._open.parts.append(part)
        self._traces.append(now)

    def graded(self) -> None:
        """The batch's gradient has been added to `.grad`: remember its size, to see whether it is clipped."""
        if self._open is not None:
            self._norm = norm_of_gradients(self._walk.refresh().parameters)

    def close(self) -> bool:
        """`.grad` still holds what the optimizer was given; False where nothing was weighed, or no step was taken.

        Raises:
            BadInput: if the gradients are gone already.
        """
        step, self._open = self._open, None
        params = self._walk.refresh().parameters
        if step is None or not stepped(step, params, self._traces[0]):
            return False
        self._drop_void(step, Trace.of(params), params)
        found = {name: p.grad.detach() for name, p in params.items() if p.grad is not None}
        gradient = {name: g.to_dense() if g.is_sparse else g for name, g in found.items()}
        norm = norm_of_gradients(params)
        if not gradient or norm == 0.0 < self._norm:
            self.steps = []
            raise BadInput(
                "the gradients were cleared before after_step(): call optimizer.zero_grad() at the next batch"
            )
        if not step.parts or not math.isfinite(norm):
            self.steps = []
            return False
        if step.held.update.gradient_needed:
            step.gradient = {name: g.clone() for name, g in gradient.items()}
        factor = norm / self._norm if self._norm else 1.0
        step.factor = factor if abs(factor - 1) > 1e-6 else 1.0
        self.steps = [*self.steps, step][-self._learning.horizon :]
        return True

    def state_dict(self, needed: int) -> dict[str, Any]:
        """The last steps, so many; parameters ω that several batches were weighed with are there once."""
        omegas: list[dict[str, Tensor]] = []
        steps = [
            {
                "params": step.params, "held": step.held.state_dict(), "gradient": step.gradient, "factor": step.factor,
                "checksum": step.checksum,
                "parts": [(_place(omegas, part.omega), part.state_dict()) for part in step.parts],
            }
            for step in self.steps[max(0, len(self.steps) - needed) :]
        ]  # fmt: skip
        return {"steps": steps, "omegas": omegas, "of": [distributed.rank(), distributed.world_size()]}

    def load_state_dict(self, state: dict[str, Any], rule: LearnedRule, like: Evidence) -> None:
        """Take up where `state_dict` left off; `like` brings what finds labels in a batch. All ranks must call.

        The steps are those of a rank's own batches: where one of them has another's, all go on without.
        """
        self._open, self.steps, self._traces = None, [], []
        if state["steps"] and _is_anothers(state.get("of")):
            warnings.warn(
                "the checkpoint stands between the steps that the rule learns from together, and has those of one process "
                "only, or of another number of processes: it learns from fewer steps once",
                stacklevel=2,
            )
            return
        params = self._walk.refresh().parameters
        held = Snapshot.of(self._optimizer, params)
        for saved in state["steps"]:
            parts = [
                Part.from_state_dict(told, like, state["omegas"][place], rule.memory_from)
                for place, told in saved["parts"]
            ]
            rest = {name: saved[name] for name in ("factor", "checksum")}
            rest |= {name: _spread(saved[name], params) for name in ("params", "gradient")}
            states = _spread(saved["held"]["states"], params)
            self.steps.append(
                RecordedStep(held=held.restored({**saved["held"], "states": states}), parts=parts, **rest)
            )

    def _drop_void(self, step: RecordedStep, now: Trace, params: Params) -> None:
        """Drop the parts whose gradient is not in `.grad`: never added, or cleared again after the next part came."""
        if self._traces[-1].same_gradients(now, params):
            step.parts, self._traces = step.parts[:-1], self._traces[:-1]
        first = max((k for k, trace in enumerate(self._traces) if k and trace.made_anew(params)), default=0)
        step.parts, self._traces = step.parts[first:], self._traces[first:]


def _spread(found: Any, params: Params) -> Any:
    """What a checkpoint holds whole, by parameter name: as the parameters are, where it is of their shape."""

    def like(item: Any, p: Tensor) -> Any:
        return spread_as(item, p) if isinstance(item, Tensor) and item.shape == p.shape else item

    if not any(map(is_sharded, params.values())) or found is None:
        return found
    return {name: tree_map(functools.partial(like, p=params[name]), item) for name, item in found.items()}


def _is_anothers(of: list[int] | None) -> bool:
    """Whether a rank has been given the steps of another one."""
    here = [distributed.rank(), distributed.world_size()]
    return any(distributed.everywhere(of is not None and of != here))


def _place(omegas: list[dict[str, Tensor]], omega: dict[str, Tensor]) -> int:
    """Where ω is in the list; it is put there if it is not."""
    for place, known in enumerate(omegas):
        if known is omega:
            return place
    omegas.append(omega)
    return len(omegas) - 1
