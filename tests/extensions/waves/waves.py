"""A source of somebody's own: recordings of two kinds of waves that are made while they are asked for.

Nothing of it is in memory but ids and labels, of which two in five are wrong.
"""

import math

import torch

from reweigh.tasks import Classification


class Waves:
    """`count` recordings of 16 points each, from the id `first` on; `wrong` is the share of labels that are."""

    def __init__(self, count=600, first=0, wrong=0.4):
        self.ids = torch.arange(first, first + count)
        self.truth = self.ids % 2
        draw = torch.Generator().manual_seed(first)
        self.y = torch.where(torch.rand(count, generator=draw) < wrong, 1 - self.truth, self.truth)
        self.task = Classification(("slow", "fast"))

    def __len__(self):
        return len(self.ids)

    def __getitem__(self, row):
        draw = torch.Generator().manual_seed(int(self.ids[row]))
        phase, noise = torch.rand(1, generator=draw), 0.3 * torch.randn(16, generator=draw)
        turns = 1 + 2 * self.truth[row]
        return {"x": torch.sin(2 * math.pi * (turns * torch.arange(16) / 16 + phase)) + noise}


class Checked(Waves):
    """Recordings that somebody has listened to."""

    def __init__(self):
        super().__init__(120, first=10_000, wrong=0.0)


class Broken(Waves):
    """Its shelf is locked."""

    def __init__(self):
        raise OSError("the shelf is locked")


def no_source():
    """Nothing that has examples."""
    return 7
