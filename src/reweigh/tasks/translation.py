"""A sequence from another: a language model's losses on the target sequence, given the source.

The model is called as `model(source, given)`, where `given` are the target's tokens before each position, and gives logits
(B, T, V) of the next. What reads pairs of texts, and what a contradiction is between them, is not here yet.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from reweigh.tasks.language_model import IGNORED, LanguageModel
from reweigh.tasks.registry import task
from reweigh.tasks.task import Words


@task("translation")
@dataclass(frozen=True)
class Translation(LanguageModel):
    """The target sequence's tokens, (B, T) int64; examples are {"x": source (S,), "y": target (T,), "id": number}.

    Attributes:
        start: the token that stands before the target's first.
    """

    start: int = 1

    words: ClassVar = Words("pair", "pairs", "all pairs", "given pair", "Pairs", "else", "these")

    def collate(self, examples: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
        """Pairs as one batch: "x" (B, S), "given" and "y" (B, T), filled up at their ends, and "id"."""
        batch = super().collate(examples)
        before = [torch.cat([one["y"].new_full((1,), self.start), one["y"][:-1]]) for one in examples]
        given = pad_sequence(before, batch_first=True, padding_value=self.padding)
        return {**batch, "given": torch.where(given == IGNORED, self.padding, given)}

    def inputs(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
        """The source, and the target before each position."""
        return batch["x"], batch["given"]
