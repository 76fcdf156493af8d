"""What one step was like: checked to be finite, put in numbers, and watched for a clean gradient that vanishes."""

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from reweigh import sharded
from reweigh.culprits import named, not_finite
from reweigh.distributed import agree
from reweigh.errors import NonFinite, Overflow
from reweigh.metrics import effective_sample_size

VANISHED = 0.01
"""The clean gradient counts as vanished when ‖v‖, averaged over some 20 steps, is below this share of its highest."""
_MEMORY = 0.95


@dataclass(frozen=True)
class StepReport:
    """What the last batch was like.

    Attributes:
        step: how many batches have been weighed so far.
        alignments: a_i, (B,), or None where the rule does not need them; of tokens (B, T), zero where none counts.
        direction_norm: ‖v‖ of the clean direction; NaN where the rule does not need it.
        clean_loss: the mean loss of the clean batch; NaN likewise.
        effective_sample_size: (Σw)²/Σw², between 0 and B.
        zero_share: the share of the batch's weights that are zero.
        counts: which tokens count, (B, T), where weights are those of tokens.
    """

    step: int
    alignments: Tensor | None
    direction_norm: float
    clean_loss: float
    effective_sample_size: float
    zero_share: float
    counts: Tensor | None = None


@dataclass(frozen=True)
class Clean:
    """The clean side of a step: the direction v by parameter name, its norm and the mean clean loss, both of shape ()."""

    direction: dict[str, Tensor]
    loss: Tensor
    expected: float = math.nan
    """‖v‖ of an earlier step, where known: an accelerator need not be waited for to know the order of this one's."""

    @cached_property
    def norm(self) -> Tensor:
        """‖v‖, shape (); infinite or zero where float32 does not reach."""
        return self._norm(None)

    @property
    def size(self) -> float:
        """‖v‖ as a number, also where its square is beyond float32."""
        norm = float(self.norm)
        return norm if _SMALL < norm < math.inf else float(self._norm(torch.float64))

    @cached_property
    def exponent(self) -> int:
        """k, such that the products of 2⁻ᵏv stay within float32 where those of v might not; 0 in all ordinary cases."""
        size = self.size if self.loss.device.type == "cpu" or math.isnan(self.expected) else self.expected
        k = math.frexp(size)[1] if 0 < size < math.inf else 0
        return k if abs(k) > _ORDINARY else 0

    @cached_property
    def towards(self) -> dict[str, Tensor]:
        """2⁻ᵏv: what alignments are taken along. By a power of two, so that nothing is rounded."""
        return {name: _times_two_to(v, -self.exponent) for name, v in self.direction.items()}

    def undone(self, alignments: Tensor) -> Tensor:
        """Along v, what was found along 2⁻ᵏv; in double precision, where single may not hold it."""
        return alignments.double() * 2.0**self.exponent if self.exponent else alignments

    def _norm(self, dtype: torch.dtype | None) -> Tensor:
        if not self.direction:
            return torch.zeros_like(self.loss)
        norms = sharded.norms(list(self.direction.values()), dtype)
        return (norms if dtype else norms.float()).square().sum().sqrt()


_SMALL = 1e-15  # a norm whose square is far from leaving float32
_ORDINARY = 40


def _times_two_to(v: Tensor, k: int) -> Tensor:
    """v·2ᵏ in two steps, since 2ᵏ alone may be beyond the type of v."""
    return v * 2.0 ** (k // 2) * 2.0 ** (k - k // 2) if k else v


def examine(
    step: int,
    losses: Tensor | None,
    alignments: Tensor | None,
    clean: Clean | None,
    ids: Any,
    clean_named: Callable[[], str] | None = None,
) -> None:
    """Make sure that all a rule is to see of a step is finite, before it sees it; on all ranks, or on none.

    Raises:
        NonFinite: with the ids of the examples (or their positions in the batch) and what to do.
    """
    each = {"loss": losses, "alignment": alignments}
    device = next((t.device for t in each.values() if t is not None), torch.device("cpu"))
    agree(_problem(step, each, clean, ids, _transferred(each, clean, device), clean_named), device)


def report(
    step: int,
    weights: Tensor,
    alignments: Tensor | None,
    losses: Tensor | None,
    clean: Clean | None,
    ids: Any,
) -> StepReport:
    """The numbers of a step, after making sure that all of them are finite, on all ranks or on none.

    Raises:
        NonFinite: with the ids of the examples (or their positions in the batch) and what to do.
    """
    each = {"loss": losses, "alignment": alignments, "weight": weights}
    numbers = _transferred(each, clean, weights.device, (weights == 0).double().mean())
    agree(_problem(step, each, clean, ids, numbers), weights.device)
    norm = math.nan if clean is None else clean.size
    return StepReport(step, alignments, norm, numbers[1], effective_sample_size(weights), numbers[2])


def _transferred(
    each: dict[str, Tensor | None], clean: Clean | None, device: torch.device, *more: Tensor
) -> list[float]:
    """‖v‖, the clean loss, `more`, and the sum of each: in one transfer, so that an accelerator is waited for once."""
    nan = torch.full((), math.nan)
    norm, loss = (nan, nan) if clean is None else (clean.norm, clean.loss)
    sums = [t.double().sum() for t in each.values() if t is not None]
    return torch.stack([t.double().to(device) for t in (norm, loss, *more, *sums)]).tolist()


def _problem(
    step: int,
    each: dict[str, Tensor | None],
    clean: Clean | None,
    ids: Any,
    numbers: list[float],
    clean_named: Callable[[], str] | None = None,
) -> NonFinite | None:
    if clean is not None and not (
        math.isfinite(numbers[1]) and (math.isfinite(numbers[0]) or math.isfinite(clean.size))
    ):
        return kind_of(numbers[1])(clean_not_finite(f"at step {step}", numbers[1], clean.size, clean_named))
    if not all(map(math.isfinite, numbers[2:])):
        losses = each["loss"]
        lost = losses is not None and not_finite(losses)
        return (NonFinite if lost or losses is None else Overflow)(_what_is_not_finite(step, each, ids))
    return None


def examine_clean(clean: Clean, states: Sequence[Tensor], clean_named: Callable[[], str]) -> None:
    """Make sure, on all ranks or on none, that a clean side that a rule learns from is finite; `states` are their largest.

    Raises:
        NonFinite: with the ids of the clean examples (or their positions in the batch) and what to do.
    """
    numbers = torch.stack([t.double().to(clean.loss.device) for t in (clean.norm, clean.loss, *states)]).tolist()
    error = None
    if not (all(map(math.isfinite, numbers[1:])) and (math.isfinite(numbers[0]) or math.isfinite(clean.size))):
        what = "for the rule to learn from"
        error = kind_of(numbers[1])(clean_not_finite(what, numbers[1], clean.size, clean_named))
    agree(error, clean.loss.device)


def kind_of(loss: float) -> type[NonFinite]:
    """What is wrong where a clean loss or its gradient is not finite."""
    return Overflow if math.isfinite(loss) else NonFinite


def clean_not_finite(when: str, loss: float, norm: float, clean_named: Callable[[], str] | None) -> str:
    """The sentence for a clean batch; `clean_named` says which of its examples, where that is known."""
    examples = clean_named() if clean_named else ""
    return (
        f"the clean loss or its gradient is not finite {when} (loss {loss:.3g}, ‖v‖ {norm:.3g}{examples}): "
        "look at the clean examples, or lower the learning rate"
    )


def _what_is_not_finite(step: int, each: dict[str, Tensor | None], ids: Any) -> str:
    for what, values in each.items():
        if values is not None and (rows := not_finite(values)):
            return (
                f"the {what} of {len(rows)} of {len(values)} examples of the training batch is not finite at step {step} "
                f"({named(rows, ids, len(values))}): look at these examples, or lower the learning rate"
            )
    return f"the sum of the losses overflows at step {step}: lower the learning rate"


class GradientWatch:
    """Says once when the clean gradient has all but vanished: the clean set is fitted, the weights turn to noise.

    Attributes:
        then: what weighs on, in words, where training goes on by another rule; None where somebody is to do something.
        vanished_at: the step at which it was seen; 0 before.
    """

    def __init__(self, then: str | None = None) -> None:
        self._mean = self._highest = 0.0
        self.then, self.vanished_at = then, 0

    @property
    def weights_stop(self) -> bool:
        """Whether another rule weighs from here on."""
        return self.then is not None and self.vanished_at > 0

    def see(self, norm: float, step: int = 1) -> None:
        """Take note of the ‖v‖ of this step, the first of which is 1."""
        self._mean = norm if self._highest == 0.0 else _MEMORY * self._mean + (1 - _MEMORY) * norm
        self._highest = max(self._highest, self._mean)
        if self.vanished_at or self._mean >= VANISHED * self._highest:
            return
        self.vanished_at = step
        what = (
            f"so from here on {self.then}"
            if self.then is not None
            else "and the weights are turning to noise, so stop here or add clean examples (or augment pictures)"
        )
        warnings.warn(
            f"the clean gradient has all but vanished at step {step} (‖v‖ is {self._mean:.1e}, it was {self._highest:.1e}): "
            f"the clean set is fitted {what}",
            stacklevel=4,
        )

    def state_dict(self) -> dict[str, Any]:
        """The running mean, its highest value, and when it was seen to vanish."""
        return {"mean": self._mean, "highest": self._highest, "vanished_at": self.vanished_at}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up where `state_dict` left off."""
        self._mean, self._highest, self.vanished_at = state["mean"], state["highest"], state["vanished_at"]
