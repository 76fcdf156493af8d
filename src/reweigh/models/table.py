"""A network for the rows of a table: numbers as they are, categories through learnt vectors.

A category is a name, and no name is larger than another. So each gets a vector of its own, learnt with everything else
("entity embeddings": Guo and Berkhahn 2016, arXiv 1604.06737), beside which the numbers stand as they are; then a plain
perceptron. No normalisation and no dropout: no example sees another, so every alignment engine is exact here.
"""

from collections.abc import Sequence
from itertools import accumulate

import torch
from torch import Tensor, nn

from reweigh.errors import BadInput
from reweigh.models.mlp import MLP


class TableNet(nn.Module):
    """Rows (B, F) -> outputs (B, classes).

    The first F - k columns are numbers, the last k = len(categories) the codes of categories, held as float: 0 for what is
    unknown or missing, up to `categories[j] - 1`. What is unknown has a vector of zeros until training gives it another.

    Raises:
        BadInput: if there are more columns of categories than columns.
    """

    def __init__(
        self,
        input_shape: tuple[int],
        classes: int,
        *,
        categories: Sequence[int] = (),
        width: int = 8,
        hidden: Sequence[int] = (128, 128),
    ) -> None:
        super().__init__()
        self.numbers = input_shape[0] - len(categories)
        if self.numbers < 0:
            raise BadInput(f"{len(categories)} columns of categories do not fit into rows of {input_shape[0]} numbers")
        # One table of vectors for all columns, each column's own rows behind those of the one before.
        firsts = [0, *accumulate(categories)]
        self.vectors = nn.Embedding(firsts.pop(), width) if categories else None
        self.register_buffer("firsts", torch.tensor(firsts), persistent=False)
        self.firsts: Tensor
        if self.vectors is not None:
            nn.init.normal_(self.vectors.weight, std=width**-0.5)
            with torch.no_grad():
                self.vectors.weight[self.firsts] = 0.0
        self.layers = MLP((self.numbers + width * len(categories),), classes, hidden=hidden)

    def forward(self, x: Tensor) -> Tensor:
        """Outputs (B, classes) of rows (B, F)."""
        if self.vectors is not None:
            codes = x[:, self.numbers :].long() + self.firsts
            x = torch.cat((x[:, : self.numbers], self.vectors(codes).flatten(1)), 1)
        outputs: Tensor = self.layers(x)
        return outputs
