"""What a model says of examples with one of K classes, and what that says of any label that one of them might have."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Self

import torch
from torch import Tensor

from reweigh.rightness.nearness import nearness
from reweigh.rightness.witness import Others, Witness
from reweigh.rightness.wrongness import KINDS, Kinds

_LEAST = -10.0
"""Log-probabilities below say nothing more: the model is sure of something else."""
USUAL_KINDS = ("at_random", "tempting")


@dataclass(frozen=True)
class View(Witness):
    """Some examples as a model sees them.

    Attributes:
        said: log-probabilities of the classes, (n, K).
        near: how near the examples lie to the checked examples of each class, as log-probabilities, (n, K); or None.
        more: other witnesses by name, each with a score for every label, (n, K): features of one's own read them.
    """

    said: Tensor
    near: Tensor | None = None
    more: Mapping[str, Tensor] = field(default_factory=dict)

    kinds: ClassVar[Kinds] = KINDS
    usual_kinds: ClassVar[tuple[str, ...]] = USUAL_KINDS
    by_cell: ClassVar[bool] = True
    log_probabilities: ClassVar[tuple[str, ...]] = ("said", "near")

    @classmethod
    def seen(cls, outputs: Tensor, states: Tensor, targets: Tensor, checked: Tensor) -> Self:
        """By logits (n, K), states (n, D), labels (n,)."""
        said = outputs.double().log_softmax(1)
        return cls(said, nearness(states.double(), checked, targets[checked], said.shape[1]))

    @property
    def classes(self) -> int:
        """K."""
        return self.said.shape[1]

    @property
    def opinion(self) -> Tensor:
        """What all of it together says of the classes, (n, K), up to a constant for each example."""
        return self.said if self.near is None else self.said + self.near

    def features(self, targets: Tensor) -> Tensor:
        """All features side by side, (n, f)."""
        found = [function(self, targets) for function in FEATURES.values()]
        return torch.cat([part for part in found if part is not None], 1)

    def others(self, targets: Tensor) -> Others:
        """The likeliest other class, (n,)."""
        found = self.opinion.scatter(1, targets[:, None], float("-inf")).softmax(1).max(1)
        return Others(found.indices, found.values)

    def counts(self, checked: Tensor, others: Tensor) -> Tensor | None:
        """As many as there are of their class, for each that is checked.

        A learner that leans to a frequent class may be right to, or have learnt that others are called so: only nearness can
        tell which. Without it the classes count alike, which is the harder examination.
        """
        if self.near is None or not len(others):
            return None
        there, theirs = (labels.bincount(minlength=self.classes).double() for labels in (others, checked))
        return (there / theirs.clamp_min(1))[checked]

    @property
    def shape(self) -> tuple[int, int]:
        """Given class by suggested one, (K, K)."""
        return self.classes, self.classes

    def cells(self, targets: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
        """The pairs of classes."""
        return targets, others


Feature = Callable[[View, Tensor], Tensor | None]
"""From a view of n examples and a label for each, (n,), to some numbers for each, (n, f); None where it has none."""
FEATURES: dict[str, Feature] = {}
"""By name, in the order in which they stand in a verifier's regression."""


def feature(function: Feature) -> Feature:
    """Make a function a feature, by its own name."""
    FEATURES[function.__name__] = function
    return function


@feature
def said(view: View, labels: Tensor) -> Tensor:
    """The model's log-probability of the label, its margin over the best other one, and the probability itself."""
    chance = view.said.gather(1, labels[:, None]).exp()
    return torch.cat([_mine_and_margin(view.said, labels), chance], 1)


@feature
def near(view: View, labels: Tensor) -> Tensor | None:
    """Likewise of nearness: a model that has learnt wrong labels believes them, and nearness is what sees them."""
    return None if view.near is None else _mine_and_margin(view.near, labels)


@feature
def frozen(view: View, labels: Tensor) -> Tensor | None:
    """Likewise of nearness in frozen features, such as an encoder's: they have learnt no wrong label at all."""
    return None if "frozen" not in view.more else _mine_and_margin(view.more["frozen"], labels)


def _mine_and_margin(scores: Tensor, labels: Tensor) -> Tensor:
    mine = scores.gather(1, labels[:, None])
    best_other = scores.scatter(1, labels[:, None], float("-inf")).amax(1, keepdim=True)
    return torch.cat([mine.clamp_min(_LEAST), (mine - best_other).clamp(_LEAST, -_LEAST)], 1)
