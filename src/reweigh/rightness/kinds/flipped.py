"""Labels of several an example, there where they should not be or missing."""

import torch
from torch import Tensor

from reweigh.rightness.labels_view import LabelsView
from reweigh.rightness.wrongness import label_kind


@label_kind
def flipped(view: LabelsView, labels: Tensor, generator: torch.Generator) -> Tensor:
    """The opposite of every label."""
    return 1 - labels
