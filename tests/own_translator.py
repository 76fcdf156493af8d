"""A translator of somebody's own: it has no memory of what it wrote, and draws nothing."""

import torch
from torch import nn


class Own(nn.Module):
    """The mean of the source, and the token before."""

    def __init__(self, outputs):
        super().__init__()
        self.embed, self.out = nn.Embedding(outputs, 8), nn.Linear(16, outputs)

    def forward(self, source, given):
        filled = (source != 0)[..., None]
        context = ((self.embed(source) * filled).sum(1) / filled.sum(1)).unsqueeze(1).expand(-1, given.shape[1], -1)
        return self.out(torch.cat([context, self.embed(given)], 2))


def own(input_shape, outputs):
    return Own(outputs)
