"""What one step was like: checked to be finite, put in numbers, and watched for a clean gradient that vanishes."""

import math
import warnings
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from reweigh.errors import NonFinite
from reweigh.metrics import effective_sample_size

VANISHED = 0.01
"""The clean gradient counts as vanished when ‖v‖, averaged over some 20 steps, is below this share of its highest."""
_MEMORY = 0.95


@dataclass(frozen=True)
class StepReport:
    """What the last batch was like.

    Attributes:
        step: how many batches have been weighed so far.
        alignments: a_i, (B,), or None where the rule does not need them.
        direction_norm: ‖v‖ of the clean direction; NaN where the rule does not need it.
        clean_loss: the mean loss of the clean batch; NaN likewise.
        effective_sample_size: (Σw)²/Σw², between 0 and B.
        zero_share: the share of the batch's weights that are zero.
    """

    step: int
    alignments: Tensor | None
    direction_norm: float
    clean_loss: float
    effective_sample_size: float
    zero_share: float


@dataclass(frozen=True)
class Clean:
    """The clean side of a step: the direction v by parameter name, its norm and the mean clean loss, both of shape ()."""

    direction: dict[str, Tensor]
    loss: Tensor

    @property
    def norm(self) -> Tensor:
        """‖v‖, shape ()."""
        if not self.direction:
            return torch.zeros_like(self.loss)
        norms = torch.stack(torch._foreach_norm(list(self.direction.values())))
        return norms.float().square().sum().sqrt()


def report(
    step: int,
    weights: Tensor,
    alignments: Tensor | None,
    losses: Tensor | None,
    clean: Clean | None,
    ids: Tensor | None,
) -> StepReport:
    """The numbers of a step, after making sure that all of them are finite.

    Raises:
        NonFinite: with the ids of the examples (or their positions in the batch) and what to do.
    """
    each = {"loss": losses, "alignment": alignments, "weight": weights}
    nan = torch.full((), math.nan)
    norm, loss = (nan, nan) if clean is None else (clean.norm, clean.loss)
    zeros = (weights == 0).double().mean()
    sums = [t.double().sum() for t in each.values() if t is not None]
    # One transfer for all numbers, so that an accelerator is waited for once.
    numbers = torch.stack([t.double().to(weights.device) for t in (norm, loss, zeros, *sums)]).tolist()
    if clean is not None and not (math.isfinite(numbers[0]) and math.isfinite(numbers[1])):
        raise NonFinite(
            f"the clean loss or its gradient is not finite at step {step} (loss {numbers[1]:.3g}, ‖v‖ {numbers[0]:.3g}): "
            "look at the clean examples, or lower the learning rate"
        )
    if not all(map(math.isfinite, numbers[2:])):
        raise NonFinite(_what_is_not_finite(step, each, ids))
    return StepReport(step, alignments, numbers[0], numbers[1], effective_sample_size(weights), numbers[2])


def _what_is_not_finite(step: int, each: dict[str, Tensor | None], ids: Tensor | None) -> str:
    for what, values in each.items():
        if values is not None and not bool(torch.isfinite(values).all()):
            rows = (~torch.isfinite(values)).nonzero().flatten().cpu()
            named = (
                f"positions {rows.tolist()[:10]} of the batch"
                if ids is None
                else f"ids {ids.cpu()[rows].tolist()[:10]}"
            )
            return (
                f"the {what} of {len(rows)} of {len(values)} examples is not finite at step {step} ({named}): "
                "look at these examples, or lower the learning rate"
            )
    return f"the sum of the losses overflows at step {step}: lower the learning rate"


class GradientWatch:
    """Warns once when the clean gradient has all but vanished: the clean set is fitted, the weights turn to noise."""

    def __init__(self) -> None:
        self._mean = self._highest = 0.0
        self._warned = False

    def see(self, norm: float) -> None:
        """Take note of this step's ‖v‖."""
        self._mean = norm if self._highest == 0.0 else _MEMORY * self._mean + (1 - _MEMORY) * norm
        self._highest = max(self._highest, self._mean)
        if not self._warned and self._mean < VANISHED * self._highest:
            self._warned = True
            warnings.warn(
                f"the clean gradient has all but vanished (‖v‖ is {self._mean:.1e}, it was {self._highest:.1e}): the clean "
                "set is fitted and the weights are turning to noise, so stop here, augment the clean batch or add clean "
                "examples",
                stacklevel=4,
            )

    def state_dict(self) -> dict[str, Any]:
        """The running mean, its highest value, and whether the warning was given."""
        return {"mean": self._mean, "highest": self._highest, "warned": self._warned}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up where `state_dict` left off."""
        self._mean, self._highest, self._warned = state["mean"], state["highest"], state["warned"]
