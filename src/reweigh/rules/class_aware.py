"""CMW-Net: learning an adaptive weighting scheme (Shu, Yuan, Meng and Xu; TPAMI 2023): weights by loss and by class.

One curve from loss to weight cannot serve two kinds of classes: where a class is rare, a high loss means "learn this"; where
a class swallows the labels of others, it means "wrong". CMW-Net looks at how many examples carry the given label: classes
are put into families by size (k-means on the sizes), and each family has a curve of its own over a common hidden layer.
"""

from collections.abc import Sequence
from typing import Any, Self

import torch
from torch import Tensor, nn

from reweigh.errors import BadInput
from reweigh.rules.learned import LearnedOptions, LearnedRule, a_width, seed_from
from reweigh.rules.materials import Materials
from reweigh.rules.meta_weight_net import _Curves, within_reach
from reweigh.rules.registry import rule
from reweigh.rules.rule import Evidence


@rule("class-aware", needs={"classes"})
class ClassAwareWeightNet(LearnedRule):
    """A curve from loss to weight for each family of classes.

    Args:
        sizes: how many training examples carry each label, C numbers.
        families: into how many families of like size the classes are put (3 in the paper); "each": every class its own,
            which goes beyond the paper and tells classes of the same size apart.
        hidden: width of the hidden layer.
        normalise: as for every `LearnedRule`.
        seed: likewise.

    Raises:
        BadInput: for sizes that are not counts, or fewer than one family.
    """

    def __init__(
        self,
        sizes: Sequence[int] | Tensor,
        families: int | str = 3,
        hidden: int = 100,
        *,
        normalise: str = "sum",
        seed: int = 0,
    ) -> None:
        super().__init__(normalise, seed)
        self.sizes = _counts(sizes)
        if families != "each" and not (isinstance(families, int) and not isinstance(families, bool) and families >= 1):
            raise BadInput(f"families={families!r}: give a number of at least 1, or 'each'")
        self.families, self.hidden = families, a_width("hidden", hidden)
        self.family = families_by_size(self.sizes, families)

    @classmethod
    def made(cls, materials: Materials, options: LearnedOptions) -> Self:
        """For the training set's class sizes."""
        return cls(materials.sizes, normalise=options.normalise, seed=seed_from(materials))

    @property
    def class_count(self) -> int:
        """C."""
        return len(self.sizes)

    def build(self, evidence: Evidence) -> nn.Module:
        """1 to `hidden` to one output a family."""
        return _Curves(self.hidden, int(self.family.max()) + 1)

    def from_parameters(self, parameters: dict[str, Tensor]) -> nn.Module:
        """The same; its widths follow from the settings."""
        return _Curves(self.hidden, int(self.family.max()) + 1)

    def inputs(self, evidence: Evidence) -> tuple[Any, ...]:
        """The losses, detached, and the families of the given labels."""
        labels = evidence.labels_below(
            len(self.sizes), f"sizes= names {len(self.sizes)} classes: give one count a class, and labels from 0"
        )
        return within_reach(evidence.known("losses").detach()), self.family.to(labels.device)[labels]

    def config(self) -> dict[str, Any]:
        """All arguments."""
        return {
            "sizes": self.sizes, "families": self.families, "hidden": self.hidden,
            "normalise": self.normalise, "seed": self.seed,
        }  # fmt: skip


def _counts(sizes: Sequence[int] | Tensor) -> list[int]:
    try:
        counts = torch.as_tensor(sizes, dtype=torch.float64)
        good = counts.ndim == 1 and len(counts) > 0 and bool(((counts >= 0) & (counts < 2**53)).all())
        if good and torch.equal(counts, counts.floor()):
            return [int(n) for n in counts.tolist()]
    except (TypeError, ValueError, RuntimeError):
        pass
    raise BadInput(f"the class sizes are {sizes!r:.200}: give one count a class")


def families_by_size(sizes: Sequence[int], families: int | str) -> Tensor:
    """The family of each class, (C,) int64, the smallest classes in family 0: k-means on the sizes.

    Fewer families where there are fewer distinct sizes; "each" puts every class in its own.
    """
    if families == "each":
        return torch.arange(len(sizes))
    values = torch.tensor(sizes, dtype=torch.float64)
    distinct = values.unique()
    count = min(int(families), len(distinct))
    centres = torch.quantile(distinct, torch.linspace(0, 1, count, dtype=torch.float64))
    for _ in range(100):
        nearest = (values[:, None] - centres).abs().argmin(1)
        moved = torch.stack([values[nearest == k].mean() if (nearest == k).any() else centres[k] for k in range(count)])
        if torch.equal(moved, centres):
            break
        centres = moved
    family: Tensor = nearest.unique(return_inverse=True)[1]
    return family
