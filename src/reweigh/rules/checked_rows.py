"""What the checked examples teach by themselves: training on them alone, and fine-tuning on them after plain training.

Weights sum to one over each batch, as those of all rules; what differs is which examples are drawn.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from torch import Tensor

from reweigh.errors import BadInput
from reweigh.rules.drawing import Draws
from reweigh.rules.materials import Materials
from reweigh.rules.registry import rule
from reweigh.rules.rule import Evidence


@rule("checked-only", needs={"checked"}, title="the checked rows alone")
class CheckedOnly(Draws):
    """Plain training on the checked examples alone, with as many steps: the others are never drawn."""

    tells_apart: ClassVar[bool] = False

    def __init__(self, checked: Tensor) -> None:
        self._checked = checked

    @classmethod
    def made(cls, materials: Materials, options: Any) -> Self:
        """For a training set of which these are checked."""
        assert materials.checked is not None
        return cls(materials.checked)

    def sampling_weights(self, labels: Tensor) -> Tensor | None:
        """One for checked examples and zero for the others, (N,)."""
        if len(labels) != len(self._checked):
            raise BadInput(f"{len(self._checked)} examples are known to be checked or not, and there are {len(labels)}")
        self._asked_of = True
        return self._checked.double()


@dataclass(frozen=True)
class FineTunedOptions:
    """As the argument of `FineTuned`."""

    share: float = 0.1


@rule("fine-tuned", needs={"checked"}, options=FineTunedOptions, title="fine-tuning on the checked rows")
class FineTuned(CheckedOnly):
    """Plain training on all examples, and in the last epochs on the checked ones alone: in the last one at least.

    Args:
        checked: which training examples are checked, (N,) bool.
        first: the epoch in which so many steps are passed, unless it is the first of all, and those after it are of checked
            ones alone.
    """

    def __init__(self, checked: Tensor, first: int) -> None:
        super().__init__(checked)
        self._first, self._step = first, 0
        self._began, self._length = 0, 0  # the epoch at hand, and how long the one before it was

    @classmethod
    def made(cls, materials: Materials, options: Any) -> Self:
        """With this share of all steps, or somewhat more, on checked ones alone."""
        assert materials.checked is not None
        if materials.steps is None:
            raise BadInput("fine-tuning comes at the end of training, and nobody knows how many steps there will be")
        if not 0 < options.share < 1:
            raise BadInput(f"share is {options.share}: give that of the steps on checked rows alone, such as 0.1")
        return cls(materials.checked, round((1 - options.share) * materials.steps))

    def weigh(self, evidence: Evidence) -> Tensor:
        """1/B: what counts is in the drawing."""
        self._step = evidence.step + 1
        return super().weigh(evidence)

    def sampling_weights(self, labels: Tensor) -> Tensor | None:
        """None at first, and then one for checked examples and zero for the others, (N,)."""
        chosen = super().sampling_weights(labels)
        if self._step > self._began:
            self._began, self._length = self._step, self._step - self._began
        ends = self._step + self._length
        return chosen if self._step >= self._first or (self._length and ends > self._first) else None

    def state_dict(self) -> dict[str, Any]:
        """How far training is."""
        return {"step": self._step, "began": self._began, "length": self._length}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on there."""
        self._step, self._began, self._length = (int(state[name]) for name in ("step", "began", "length"))
