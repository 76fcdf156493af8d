"""Examples with any of L labels: of each label it is asked whether its being there, or not, is right."""

from dataclasses import dataclass
from typing import ClassVar, Self

import torch
import torch.nn.functional as F
from torch import Tensor

from reweigh.rightness.nearness import nearness
from reweigh.rightness.view import View
from reweigh.rightness.witness import Others, Witness
from reweigh.rightness.wrongness import Kinds, label_kind


@dataclass(frozen=True)
class LabelsView(Witness):
    """Some examples as a model sees them; targets are zeros and ones, (n, L).

    There is one share of right labels for all: with one for each label and direction, of four made sets 3 to 5 % of what is
    said of labels seemed wrong where nothing was (0.4 to 1.4 % with one share), and shares of 10 and 20 % were found to
    within 2 points at an AUROC of .84 as well as of .92.

    Attributes:
        said: log-probabilities that a label is not there, and that it is, (n, L, 2).
        near: of each label, how near the examples lie to the checked ones without it and with it, (n, L, 2); or None.
    """

    said: Tensor
    near: Tensor | None = None

    kinds: ClassVar[Kinds] = label_kind
    usual_kinds: ClassVar[tuple[str, ...]] = ("flipped",)
    tells: ClassVar[float] = 0.8
    log_probabilities: ClassVar[tuple[str, ...]] = ("said", "near")

    @classmethod
    def seen(cls, outputs: Tensor, states: Tensor, targets: Tensor, checked: Tensor) -> Self:
        """By log-odds (n, L), states (n, D), labels (n, L)."""
        logits = outputs.double()
        return cls(
            torch.stack([F.logsigmoid(-logits), F.logsigmoid(logits)], 2), nearness_by_label(states, checked, targets)
        )

    def features(self, targets: Tensor) -> Tensor:
        """Those of two classes, label by label, (n·L, f)."""
        near = None if self.near is None else self.near.flatten(0, 1)
        return View(self.said.flatten(0, 1), near).features(targets.long().flatten())

    def others(self, targets: Tensor) -> Others:
        """The opposite of each label, which is sure if that is wrong."""
        return Others(1 - targets, torch.ones(len(targets), dtype=torch.double))

    @property
    def shape(self) -> tuple[int, int]:
        """Each label, by whether it should not be there or should, (L, 2)."""
        return self.said.shape[1], 2

    def cells(self, targets: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
        """The label, and what it would be."""
        label = torch.arange(targets.shape[1]).expand_as(targets)
        return label.flatten(), others.long().flatten()


def nearness_by_label(states: Tensor, checked: Tensor, targets: Tensor) -> Tensor:
    """Of each of L labels, the log-probabilities that an example is without and with it, (n, L, 2), by `nearness`."""
    of_each = [nearness(states.double(), checked, labels[checked], 2) for labels in targets.long().T]
    return torch.stack(of_each, 1)
