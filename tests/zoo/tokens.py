"""Models whose losses are those of tokens, with a mask of those that count: some of the zoo's, and one where none mixes.

They are not among `CASES`, whose laws are about examples; `tests/laws/tokens.py` has theirs.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.case import WORDS, B, Batch, Case
from zoo.text import StepByStep, Translation, pairs


def translation_tokens(model: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
    """Of each word of the translation, pads left out by the mask; a batch may take more out."""
    target = batch["target"]
    logits = model(batch["source"], F.pad(target[:, :-1], (1, 0), value=1))
    losses = F.cross_entropy(logits.transpose(1, 2), target, reduction="none", label_smoothing=0.1)
    return losses, batch.get("counts", target != 0)


def padded_text(n: int) -> dict[str, Tensor]:
    """As long as there are examples in a training batch, where nothing is filled up; word 0 fills."""
    text = torch.randint(1, WORDS, (n, B + 1))
    text[torch.arange(B + 1) >= 3 + torch.arange(n)[:, None] % 4] = 0
    return {"source": text[:, :-1], "target": text[:, 1:]}


def next_tokens(model: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
    losses = F.cross_entropy(model(batch["source"]).transpose(1, 2), batch["target"], reduction="none")
    return losses, batch.get("counts", batch["target"] != 0)


class Causal(nn.Module):
    """A block of attention between an embedding and the same as the head."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.qkv, self.norm = nn.Embedding(WORDS, 8), nn.Linear(8, 24), nn.LayerNorm(8)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.embedding(x)
        heads = self.qkv(hidden).unflatten(-1, (3, 2, 4)).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(*heads, is_causal=True)
        return self.norm(hidden + mixed.transpose(1, 2).flatten(2)) @ self.embedding.weight.T


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.gru, self.head = (
            nn.Embedding(WORDS, 4),
            nn.GRU(4, 4, batch_first=True),
            nn.Linear(4, WORDS),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.gru(self.embedding(x))[0])


class WordByWord(nn.Module):
    """No token sees another: what ghost might do here, it would do wrongly one layer later."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.head = nn.Embedding(WORDS, 4), nn.Linear(4, WORDS)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.tanh(self.embedding(x)))


TOKEN_CASES = [
    Case("tokens-translation-tied", Translation, pairs, translation_tokens),
    Case("tokens-decoder-step-by-step", StepByStep, pairs, translation_tokens),
    Case("tokens-causal-tied", Causal, padded_text, next_tokens),
    Case("tokens-gru", Recurrent, padded_text, next_tokens),
    Case("tokens-word-by-word", WordByWord, padded_text, next_tokens),
]
