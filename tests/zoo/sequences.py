"""Tokens and series: embeddings, attention, recurrence, and losses over sequences."""

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence

from zoo.case import CLASSES, WORDS, case, language, next_token, sentences, series


class Averaged(nn.Module):
    """Embeds, averages over the sentence, classifies."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.embedding, self.head = nn.Embedding(WORDS, 6, **options), nn.Linear(6, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.tanh(self.embedding(x)).mean(1))


EMBEDDING = {"finite": r"\bembedding\b"}

case(
    "embedding-padding",
    sentences,
    refused_by=EMBEDDING,
    notes="backward drops the gradient of the padding row; forward AD and differences do not. "
    "Harmless along a clean gradient, which has no part in that row either.",
)(lambda: Averaged(padding_idx=0))
case("embedding-sparse", sentences, notes="its gradient is a sparse tensor")(lambda: Averaged(sparse=True))
case(
    "embedding-max-norm",
    sentences,
    refused_by={"finite": r"\bembedding\b"},
    notes="forward shortens rows of its own weight in place",
)(lambda: Averaged(max_norm=1.5))
case(
    "embedding-by-frequency",
    sentences,
    mixes_examples=True,
    refused_by=dict.fromkeys(("ghost", "forward", "finite", "double", "auto"), r"\bembedding\b"),
    notes="the gradient is divided by the word counts of the batch: no function has it, and its double backward "
    "forgets the division",
)(lambda: Averaged(scale_grad_by_freq=True))


class Bag(nn.Module):
    def __init__(self, mode: str) -> None:
        super().__init__()
        self.bag, self.head = nn.EmbeddingBag(WORDS, 6, mode=mode), nn.Linear(6, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.tanh(self.bag(x)))


case("embedding-bag-sum", sentences, twice=False)(partial(Bag, "sum"))
case("embedding-bag-mean", sentences, twice=False)(partial(Bag, "mean"))
FUSED = dict.fromkeys(("forward", "double"), r"\bbag\b")
case("embedding-bag-max", sentences, twice=False, refused_by={**FUSED, "ghost": r"\bbag\b"})(partial(Bag, "max"))


@case("tied-language-model", language, next_token)
class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.mix, self.head = nn.Embedding(WORDS, 6), nn.Linear(6, 6), nn.Linear(6, WORDS)
        self.head.weight = self.embedding.weight

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.embedding(x)
        return self.head(torch.tanh(self.mix(hidden.cumsum(1))) + hidden)


@case(
    "tied-language-model-padded",
    language,
    next_token,
    refused_by=EMBEDDING,
    notes="the padding row is trained by the head alone, so even a clean gradient misleads forward AD",
)
class TiedPadded(Tied):
    def __init__(self) -> None:
        super().__init__()
        self.embedding.padding_idx = 0


@case("multihead-attention", series)
class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention, self.head = nn.MultiheadAttention(4, 2, batch_first=True), nn.Linear(4, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.attention(x, x, x, need_weights=False)[0].mean(1))


@case("attention-causal", language, next_token)
class Causal(nn.Module):
    """A one-block decoder around the functional fused attention."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.qkv, self.head = nn.Embedding(WORDS, 8), nn.Linear(8, 24), nn.Linear(8, WORDS)

    def forward(self, x: Tensor) -> Tensor:
        heads = self.qkv(self.embedding(x)).unflatten(-1, (3, 2, 4)).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(*heads, is_causal=True)
        return self.head(mixed.transpose(1, 2).flatten(2))


class Encoder(nn.Module):
    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.embedding, self.head = nn.Embedding(WORDS, 8), nn.Linear(8, CLASSES)
        self.layer = nn.TransformerEncoderLayer(8, 2, 12, dropout=dropout, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layer(self.embedding(x), src_key_padding_mask=x == 0)[:, 0])


case("encoder-layer-train", sentences)(Encoder)
case("encoder-layer-dropout", sentences, random=True)(lambda: Encoder(dropout=0.2))
case("encoder-layer-eval", sentences, train_mode=False, notes="a fused fast path where no gradient is asked")(Encoder)


class Recurrent(nn.Module):
    """The last state of a recurrent layer, classified."""

    def __init__(self, kind: type[nn.RNNBase], **options: Any) -> None:
        super().__init__()
        self.recurrent = kind(4, 5, batch_first=True, **options)
        self.head = nn.Linear(10 if options.get("bidirectional") else 5, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.recurrent(x)[0][:, -1])


case("lstm", series)(lambda: Recurrent(nn.LSTM))
case("lstm-two-layers-dropout", series, random=True)(lambda: Recurrent(nn.LSTM, num_layers=2, dropout=0.3))
case("gru-bidirectional", series)(lambda: Recurrent(nn.GRU, bidirectional=True))
case("rnn-tanh", series)(lambda: Recurrent(nn.RNN))


@case("gru-packed", sentences, refused_by={"forward": "Packed", "ghost": r"\bgru \(GRU\).*rearranged"})
class Packed(nn.Module):
    """Sentences of different lengths, packed; the last state of each."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.head = nn.Embedding(WORDS, 4), nn.Linear(5, CLASSES)
        self.gru = nn.GRU(4, 5, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        lengths = 2 + x[:, 0] % 3
        packed = pack_padded_sequence(self.embedding(x), lengths, batch_first=True, enforce_sorted=False)
        return self.head(self.gru(packed)[1][-1])


@case("lstm-cell-loop", series)
class CellLoop(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cell, self.head = nn.LSTMCell(4, 5), nn.Linear(5, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        state = None
        for step in x.unbind(1):
            state = self.cell(step, state)
        return self.head(state[0])


def speech(n: int) -> dict[str, Tensor]:
    """Five frames, targets of one or two symbols; 0 is the blank."""
    lengths = 1 + torch.arange(n) % 2
    return {"x": torch.randn(n, 5, 4), "y": torch.randint(1, 4, (n, 2)), "lengths": lengths}


def ctc(model: nn.Module, batch: Any) -> Tensor:
    frames = model(batch["x"]).log_softmax(-1).transpose(0, 1)
    heard = torch.full_like(batch["lengths"], 5)
    return F.ctc_loss(frames, batch["y"], heard, batch["lengths"], reduction="none")


@case("ctc", speech, ctc, twice=False, refused_by=dict.fromkeys(("forward", "double"), "loss function"))
def ctc_net() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 4))
