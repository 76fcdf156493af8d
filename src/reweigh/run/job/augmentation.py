"""Random crops and flips in a run, for the training batches and for the clean ones alike.

They draw from torch's global generator, which the loop seeds anew at each epoch: a resumed epoch draws the same.
"""

import torch
from torch import Tensor
from torch.utils.data import Dataset

from reweigh.data import Examples, augment
from reweigh.data.augment import crop


def augmented(images: Tensor, kind: str) -> Tensor:
    """Images (B, channels, H, W) cut out of a frame padded by an eighth of the width; "crop-flip" mirrors too."""
    padding, generator = images.shape[-1] // 8, torch.default_generator
    if kind == "none":
        return images
    return crop(images, generator, padding) if kind == "crop" else augment(images, generator, padding)


class AugmentedClean(Dataset[dict[str, Tensor]]):
    """A clean set that hands out augmented batches."""

    def __init__(self, examples: Examples, kind: str) -> None:
        self._examples, self._kind = examples, kind

    def __len__(self) -> int:
        """The number of clean examples, M."""
        return len(self._examples)

    def batch(self, rows: Tensor) -> dict[str, Tensor]:
        """The examples at `rows`, freshly augmented: `{"x", "y", "id"}`."""
        batch = self._examples.batch(rows)
        return {**batch, "x": augmented(batch["x"], self._kind)}
