"""Sources of examples for tests."""

import torch

from reweigh.tasks import LanguageModel


class Texts:
    """Map-style: token sequences of different lengths, one at a time."""

    def __init__(self):
        self.texts = [torch.arange(1, 2 + length) for length in (3, 1, 2)]
        self.ids, self.y = torch.tensor([10, 20, 30]), torch.zeros(3, dtype=torch.int64)
        self.task = LanguageModel(vocabulary=9)

    def __len__(self):
        return len(self.texts)

    def __getitem__(self, row):
        return {"x": self.texts[row], "y": self.texts[row]}
