"""`verify_pairs`: which pairs are right, from features of them and of checked ones that were spoilt."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from reweigh.errors import BadInput
from reweigh.rightness.given import checked_positions, features_of
from reweigh.rightness.judging import Judging
from reweigh.rightness.numbers_view import NumbersView
from reweigh.rightness.rightness import Likeliest, Rightness
from reweigh.rightness.witness import Others, Witness
from reweigh.rightness.wrongness import Kind, Kinds


class _Spoilt(Kinds):
    """The kinds that a view brings: a target is 0 as given, and k as the k-th kind has spoilt it."""

    def __missing__(self, name: str) -> Kind:
        def spoilt(view: Any, targets: Tensor, generator: torch.Generator) -> Tensor:
            return torch.full_like(targets, 1 + list(view.spoilt).index(name))

        return spoilt

    def check(self, names: Any) -> None:
        """Any that there are."""


@dataclass(frozen=True)
class PairsView(Witness):
    """Pairs by their features.

    Attributes:
        given: of the pairs as they are, (n, f).
        spoilt: of the pairs with wrong targets, by kind, (n, f) each; what stands there of unchecked ones has no meaning.
    """

    given: Tensor
    spoilt: Mapping[str, Tensor] = field(default_factory=dict)

    kinds: ClassVar[Kinds] = _Spoilt()
    usual_kinds: ClassVar[tuple[str, ...]] = ()
    exact: ClassVar[bool] = False

    @classmethod
    def seen(cls, outputs: Tensor, states: Tensor, targets: Tensor, checked: Tensor) -> "PairsView":
        """No student of one output an example sees pairs.

        Raises:
            BadInput: always.
        """
        raise BadInput("pairs are judged by features of them and of spoilt ones: use verify_pairs")

    def features(self, targets: Tensor) -> Tensor:
        """Those of the pairs as given, or as spoilt, (n, f)."""
        return torch.stack([self.given, *self.spoilt.values()], 1)[torch.arange(len(targets)), targets]

    def others(self, targets: Tensor) -> Others:
        """No other target is known."""
        return Others(targets, torch.ones(len(targets), dtype=torch.double))

    shape = NumbersView.shape
    cells = NumbersView.cells


class PairRightness(Rightness):
    """Of N pairs; no target is suggested in the place of a wrong one. `kinds` say what is wrong with them, and how often."""

    by_class: ClassVar[bool] = False

    def _many(self) -> str:
        return super()._many().replace("of the labels look", "of the pairs look")

    def likeliest(self, given: npt.NDArray[Any]) -> Likeliest:
        """As given; a pair counts as changed where it is likely wrong."""
        return Likeliest(given, np.maximum(self.right, 1 - self.right), self.right < 0.5)


OF_PAIRS = Judging(PairsView, PairRightness)


def verify_pairs(features: Any, checked: Any, spoilt: Mapping[str, Any], *, seed: int = 0) -> PairRightness:
    """How likely each pair of sequences is right, and of which kinds the wrong ones are.

        told = pair_features(loss, sources, targets)
        wrong = {kind: pair_features(loss, good, spoil(good, theirs, kind), among=sources) for kind in PAIR_KINDS}
        found = verify_pairs(told, checked, wrong)

    A mixture: softmax regression over right pairs and the kinds, whose shares expectation maximisation finds among all.

    Args:
        features: of N pairs, (N, f), by a student that was not trained on them for long; see `pair_features`.
        checked: which pairs are known to be right: a mask (N,) or positions, ascending.
        spoilt: by kind, the features of the m checked pairs with a target that is wrong in this way, (m, f), in their order.
        seed: of all that is drawn.

    Raises:
        BadInput: if something does not fit, naming what and where.
    """
    x = features_of(features, len(features))
    if x is None or not spoilt:
        raise BadInput("verify_pairs wants features of all pairs, and of checked ones spoilt in one way at least")
    rows, wrong = checked_positions(checked, len(x)), dict[str, Tensor]()
    for name, values in spoilt.items():
        theirs = features_of(values, len(rows))
        if theirs is None or theirs.shape[1] != x.shape[1]:
            raise BadInput(
                f"the {name} pairs have other features than the {x.shape[1]} of the pairs as given: make them alike"
            )
        wrong[name] = torch.zeros_like(x).index_copy_(0, rows, theirs)
    nothing = torch.zeros(len(x), dtype=torch.int64)
    found = OF_PAIRS.judged(PairsView(x, wrong), nothing, rows, np.asarray(["all"]), kinds=tuple(wrong), seed=seed)
    assert isinstance(found, PairRightness)
    return found
