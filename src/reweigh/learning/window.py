"""The student's last K steps as they are recorded: opened by a weighed batch, closed when the optimizer has stepped."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from reweigh.errors import BadInput
from reweigh.learning.settings import Learning
from reweigh.optimizers import Snapshot
from reweigh.rules import Evidence, LearnedRule
from reweigh.trajectory import Part, RecordedStep, checksum


class Window:
    """Recorded steps, the earliest first."""

    def __init__(self, module: nn.Module, optimizer: Optimizer, learning: Learning) -> None:
        self._module, self._optimizer, self._learning = module, optimizer, learning
        self.steps: list[RecordedStep] = []
        self._open: RecordedStep | None = None
        self._norm = 0.0

    @property
    def opened(self) -> RecordedStep | None:
        """The step that is not taken yet."""
        return self._open

    def add(self, part: Part) -> None:
        """Keep a weighed batch; before the first of a step, the parameters as they are."""
        if self._open is None:
            self._norm, params = 0.0, dict(self._module.named_parameters())
            # Before its first step ReversibleSGD has not yet rounded the parameters to what it can come back to.
            kept = self._learning.memory == "snapshots" or not self._optimizer.state
            values = {name: p.detach().clone() for name, p in params.items()} if kept else None
            held = Snapshot.of(self._optimizer, params)
            self._open = RecordedStep(values, held, checksum=0 if kept else checksum(params))
        self._open.parts.append(part)

    def graded(self) -> None:
        """The batch's gradient has been added to `.grad`: remember its size, to see whether it is clipped."""
        if self._open is not None:
            self._norm = self._gradient_norm()

    def close(self) -> bool:
        """The optimizer has stepped, and `.grad` still holds what it was given; False where nothing was weighed.

        Raises:
            BadInput: if the gradients are gone already.
        """
        step, self._open = self._open, None
        if step is None:
            return False
        found = {name: p.grad.detach() for name, p in self._module.named_parameters() if p.grad is not None}
        gradient = {name: g.to_dense() if g.is_sparse else g for name, g in found.items()}
        norm = self._gradient_norm()
        if not gradient or norm == 0.0 < self._norm:
            raise BadInput(
                "the gradients were cleared before after_step(): call optimizer.zero_grad() at the next batch"
            )
        if step.held.update.gradient_needed:
            step.gradient = {name: g.clone() for name, g in gradient.items()}
        factor = norm / self._norm if self._norm else 1.0
        step.factor = factor if abs(factor - 1) > 1e-6 else 1.0
        self.steps = [*self.steps, step][-self._learning.horizon :]
        return True

    def state_dict(self) -> dict[str, Any]:
        """The closed steps; parameters ω that several batches were weighed with are there once."""
        omegas: list[dict[str, Tensor]] = []
        steps = [
            {
                "params": step.params, "held": step.held.state_dict(), "gradient": step.gradient, "factor": step.factor,
                "checksum": step.checksum,
                "parts": [(_place(omegas, part.omega), part.state_dict()) for part in step.parts],
            }
            for step in self.steps
        ]  # fmt: skip
        return {"steps": steps, "omegas": omegas}

    def load_state_dict(self, state: dict[str, Any], rule: LearnedRule, like: Evidence) -> None:
        """Take up where `state_dict` left off; `like` brings what finds labels in a batch."""
        self._open, self.steps = None, []
        held = Snapshot.of(self._optimizer, dict(self._module.named_parameters()))
        for saved in state["steps"]:
            parts = [
                Part.from_state_dict(told, like, state["omegas"][place], rule.memory_from)
                for place, told in saved["parts"]
            ]
            rest = {name: saved[name] for name in ("params", "gradient", "factor", "checksum")}
            self.steps.append(RecordedStep(held=held.restored(saved["held"]), parts=parts, **rest))

    def _gradient_norm(self) -> float:
        found = [p.grad for p in self._module.parameters() if p.grad is not None]
        grads = [g.coalesce().values() if g.is_sparse else g for g in found]
        return float(torch.stack(torch._foreach_norm(grads)).norm()) if grads else 0.0


def _place(omegas: list[dict[str, Tensor]], omega: dict[str, Tensor]) -> int:
    """Where ω is in the list; it is put there if it is not."""
    for place, known in enumerate(omegas):
        if known is omega:
            return place
    omegas.append(omega)
    return len(omegas) - 1
