"""What a model says of examples, and what that says of any label that one of them might have.

Every feature is asked of a pair (example, label), so that the same example can be asked about with its right label and with
others: that is how a verifier is taught by examples whose right label is known.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

_LEAST = -10.0
"""Log-probabilities below say nothing more: the model is sure of something else."""


@dataclass(frozen=True)
class View:
    """Some examples as a model sees them.

    Attributes:
        said: log-probabilities of the classes, (n, K).
        near: how near the examples lie to the checked examples of each class, as log-probabilities, (n, K); or None.
        more: other witnesses by name, each with a score for every label, (n, K): features of one's own read them.
    """

    said: Tensor
    near: Tensor | None = None
    more: Mapping[str, Tensor] = field(default_factory=dict)

    @property
    def classes(self) -> int:
        """K."""
        return self.said.shape[1]

    def __len__(self) -> int:
        return len(self.said)

    def __getitem__(self, rows: Tensor) -> "View":
        near = None if self.near is None else self.near[rows]
        return View(self.said[rows], near, {name: scores[rows] for name, scores in self.more.items()})

    @property
    def opinion(self) -> Tensor:
        """What all of it together says of the classes, (n, K), up to a constant for each example."""
        return self.said if self.near is None else self.said + self.near


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


def features_of(view: View, labels: Tensor) -> Tensor:
    """All features side by side, (n, f)."""
    found = [function(view, labels) for function in FEATURES.values()]
    return torch.cat([part for part in found if part is not None], 1)


def _mine_and_margin(scores: Tensor, labels: Tensor) -> Tensor:
    mine = scores.gather(1, labels[:, None])
    best_other = scores.scatter(1, labels[:, None], float("-inf")).amax(1, keepdim=True)
    return torch.cat([mine.clamp_min(_LEAST), (mine - best_other).clamp(_LEAST, -_LEAST)], 1)
