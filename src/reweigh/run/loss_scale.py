"""Training in float16: the losses are scaled up so that gradients do not vanish, and a step that overflows is left out."""

from typing import Any

import torch
from torch.optim import Optimizer

from reweigh._types import PerExampleLoss
from reweigh.errors import NonFinite
from reweigh.passes import Scaled

FIRST = 2.0**10
"""Where PyTorch begins with 2¹⁶ for the mean of a batch: alignments are of each example, not of a hundredth of them."""
LARGEST = 2.0**13
"""The gradient of one example's loss by a logit is up to 1, a check takes several times that, and float16 ends at 65504."""
MOST = 25
"""So many steps in a row may be left out; by then the scale has fallen by as many powers of two."""


class LossScale:
    """PyTorch's GradScaler for a loss of each example: all powers of two, so that nothing is rounded by it.

    The scale is inside the loss (`passes.Scaled`), since the passes that compare gradients need it as much as the one that
    trains. Weights, losses, alignments and the clean gradient are as without it; `.grad` is unscaled before the step.

    Attributes:
        loss: the scaled one, for a `Reweigher`.
    """

    def __init__(self, loss: PerExampleLoss, device: torch.device) -> None:
        self.loss = Scaled(loss, FIRST)
        self._device, self._skipped = device, 0
        self._scaler = torch.amp.GradScaler(device.type, init_scale=FIRST)
        self._scaler.scale(torch.zeros((), device=device))  # which puts its number where the gradients are

    def unscale(self, optimizer: Optimizer) -> None:
        """What `backward` has left in `.grad` becomes the weighted gradient."""
        self._scaler.unscale_(optimizer)

    def step(self, optimizer: Optimizer) -> bool:
        """Take the step unless the gradient is not finite; the scale falls then, and rises after many steps. Whether it was.

        Raises:
            NonFinite: if too many were left out in a row.
        """
        before = self.loss.scale
        self._scaler.step(optimizer)
        self._scaler.update()
        return self._went_on(before)

    def overflowed(self) -> None:
        """A batch could not be weighed for overflow; the scale falls.

        Raises:
            NonFinite: if too many were left out in a row.
        """
        before = self.loss.scale
        self._scaler.update(before * self._scaler.get_backoff_factor())
        self._went_on(before)

    def _went_on(self, before: float) -> bool:
        if self._scaler.get_scale() > LARGEST:
            self._scaler.update(LARGEST)
        self.loss.scale = self._scaler.get_scale()
        self._skipped = self._skipped + 1 if self.loss.scale < before else 0
        if self._skipped > MOST:
            raise NonFinite(
                f"gradients overflow in float16, {self._skipped} steps in a row and down to a loss scale of "
                f"{self.loss.scale:.1e}: lower the learning rate, or train with --precision bf16"
            )
        return not self._skipped

    def state_dict(self) -> dict[str, Any]:
        """All that a resume needs."""
        return {"scaler": self._scaler.state_dict(), "skipped": self._skipped}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to a saved state."""
        self._scaler.load_state_dict(state["scaler"])
        self._skipped, self.loss.scale = int(state["skipped"]), self._scaler.get_scale()
