"""A verifier beside a student that trains: taught by what the student says of checked examples, asked about a batch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from reweigh.rightness.calibration import MOST
from reweigh.rightness.crossfit import CrossFit, cross_fit
from reweigh.rightness.logistic import Fitted
from reweigh.rightness.nearness import ClassMeans
from reweigh.rightness.verifier import USUAL_KINDS, Verifier, ask
from reweigh.rightness.view import View


@dataclass(frozen=True)
class Lesson:
    """What a judge was taught by: a view of the checked examples, out of fold, and their right labels (m,)."""

    view: View
    labels: Tensor

    def told_apart(self, kinds: Sequence[str] = USUAL_KINDS, seed: int = 0) -> CrossFit:
        """How well right labels are told from wrong ones, by the checked examples that a verifier was not taught by."""
        return cross_fit(self.view, self.labels, kinds, ridge=Verifier(kinds).ridge, seed=seed)


@dataclass(frozen=True)
class Judge:
    """A taught verifier with the class means that nearness is measured by.

    Attributes:
        fitted: from features of pairs to log-odds of the kinds of wrong labels.
        means: of the checked examples, in the student's internal states, and in frozen features where there are any.
    """

    fitted: Fitted
    means: tuple[ClassMeans, ...]

    @classmethod
    def taught(
        cls, logits: Tensor, spaces: Sequence[Tensor], labels: Tensor, kinds: Sequence[str], seed: int
    ) -> tuple[Self, Lesson]:
        """By checked examples: the student's logits (m, K), their states and frozen features (m, D), right labels (m,)."""
        means = tuple(ClassMeans.of(x.double(), labels, logits.shape[1]) for x in spaces)
        near = [of_space.near_without(x.double(), labels) for of_space, x in zip(means, spaces, strict=True)]
        view = _view(logits, near)
        verifier = Verifier(kinds, seed=seed)
        verifier.teach(view, labels)
        assert verifier.fitted is not None
        return cls(verifier.fitted, means), Lesson(view, labels)

    @property
    def classes(self) -> int:
        """K."""
        return len(self.means[0].counts)

    def view(self, logits: Tensor, spaces: Sequence[Tensor]) -> View:
        """Of examples that are not checked."""
        return _view(logits, [means.near(x.double()) for means, x in zip(self.means, spaces, strict=True)])

    def ask(self, view: View, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Log-odds of the kinds of wrong labels against right, (n, 1 + kinds), and the most likely other label, (n,)."""
        suggested = view.opinion.scatter(1, labels[:, None], float("-inf")).argmax(1)
        return ask(self.fitted, view, labels).clamp(-MOST, MOST), suggested

    def state_dict(self) -> dict[str, Any]:
        """Tensors by name."""
        return {"fitted": self.fitted.state_dict(), "means": [means.state_dict() for means in self.means]}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """The judge that `state_dict` told of."""
        return cls(Fitted(**state["fitted"]), tuple(ClassMeans(**means) for means in state["means"]))


def _view(logits: Tensor, near: Sequence[Tensor]) -> View:
    more = {"frozen": near[1]} if len(near) > 1 else {}
    return View(logits.double().log_softmax(1), near[0], more)


def on_cpu(values: Tensor) -> Tensor:
    """In double precision where the regression is: few numbers, and the same on every device."""
    return values.detach().to("cpu", torch.double)
