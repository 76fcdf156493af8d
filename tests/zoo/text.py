"""Sequences to sequences: translation, tagging, speech, decoding step by step, and the losses that go with them."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from zoo.case import WORDS, Batch, case

TAGS = 4


def tagged(n: int) -> dict[str, Tensor]:
    """Sentences of two to five words, a tag for each."""
    return {"x": torch.randint(1, WORDS, (n, 5)), "y": torch.randint(TAGS, (n, 5)), "lengths": 2 + torch.arange(n) % 4}


def inside(batch: Batch) -> Tensor:
    return torch.arange(batch["x"].shape[1]) < batch["lengths"][:, None]


def tag_loss(model: nn.Module, batch: Batch) -> Tensor:
    """Averaged over the words that are there."""
    mask = inside(batch)
    losses = F.cross_entropy(model(batch["x"], batch["lengths"]).transpose(1, 2), batch["y"], reduction="none")
    return (losses * mask).sum(1) / mask.sum(1)


@case("tagger-packed", tagged, tag_loss, refused_by={"forward": r"Tagger", "ghost": r"\blstm \(LSTM\).*rearranged"})
class Tagger(nn.Module):
    """A bidirectional LSTM over packed sentences, unpacked for a tag a word."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.head = nn.Embedding(WORDS, 4), nn.Linear(6, TAGS)
        self.lstm = nn.LSTM(4, 3, batch_first=True, bidirectional=True)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        packed = pack_padded_sequence(self.embedding(x), lengths, batch_first=True, enforce_sorted=False)
        return self.head(pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=x.shape[1])[0])


def crf_loss(model: nn.Module, batch: Batch) -> Tensor:
    return model(batch["x"], batch["y"], inside(batch))


@case("linear-chain-crf", tagged, crf_loss, notes="the forward algorithm; transitions are shared by all steps")
class ConditionalRandomField(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.emit = nn.Embedding(WORDS, 5), nn.Linear(5, TAGS)
        self.transitions, self.start = nn.Parameter(torch.randn(TAGS, TAGS)), nn.Parameter(torch.randn(TAGS))

    def forward(self, x: Tensor, y: Tensor, mask: Tensor) -> Tensor:
        scores = self.emit(torch.tanh(self.embedding(x)))
        path = scores.gather(2, y[:, :, None]).squeeze(2)
        said = (
            self.start[y[:, 0]]
            + path[:, 0]
            + ((path[:, 1:] + self.transitions[y[:, :-1], y[:, 1:]]) * mask[:, 1:]).sum(1)
        )
        total = self.start + scores[:, 0]
        for step in range(1, x.shape[1]):
            ahead = torch.logsumexp(total[:, :, None] + self.transitions, 1) + scores[:, step]
            total = torch.where(mask[:, step, None], ahead, total)
        return total.logsumexp(1) - said


def heard(n: int) -> dict[str, Tensor]:
    lengths = 1 + torch.arange(n) % 2
    return {"x": torch.randn(n, 3, 6), "y": torch.randint(1, TAGS, (n, 2)), "lengths": lengths}


def recognition(model: nn.Module, batch: Batch) -> Tensor:
    frames = model(batch["x"])  # (T, B, symbols), as CTC takes them
    return F.ctc_loss(frames, batch["y"], torch.full_like(batch["lengths"], 6), batch["lengths"], reduction="none")


@case("speech-ctc", heard, recognition, twice=False, refused_by=dict.fromkeys(("forward", "double"), "loss function"))
class Speech(nn.Module):
    """Convolution along time, a recurrent layer with time first, CTC; T = B."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.gru, self.head = nn.Conv1d(3, 4, 3, padding=1), nn.GRU(4, 4), nn.Linear(4, TAGS)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.gru(torch.tanh(self.conv(x)).permute(2, 0, 1))[0]).log_softmax(-1)


def pairs(n: int) -> dict[str, Tensor]:
    """Sentences and their translations; word 0 pads, word 1 begins."""
    source, target = torch.randint(2, WORDS, (n, 5)), torch.randint(2, WORDS, (n, 5))
    lengths = 3 + torch.arange(n) % 3
    target[torch.arange(5) >= lengths[:, None]] = 0
    source[:, 4] = 0
    return {"source": source, "target": target}


def translation_loss(model: nn.Module, batch: Batch) -> Tensor:
    """Per sentence: the mean over the words that are there."""
    target = batch["target"]
    logits = model(batch["source"], F.pad(target[:, :-1], (1, 0), value=1))
    losses = F.cross_entropy(logits.transpose(1, 2), target, ignore_index=0, reduction="none", label_smoothing=0.1)
    return losses.sum(1) / (target != 0).sum(1)


@case("translation-tied", pairs, translation_loss, notes="one matrix embeds both languages and gives the logits")
class Translation(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.places = nn.Embedding(WORDS, 4), nn.Parameter(torch.randn(5, 4) / 2)
        self.encoder = nn.TransformerEncoderLayer(4, 2, 6, dropout=0.0, batch_first=True)
        self.decoder = nn.TransformerDecoderLayer(4, 2, 6, dropout=0.0, batch_first=True)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        padding = source == 0
        memory = self.encoder(2 * self.embedding(source) + self.places, src_key_padding_mask=padding)
        causal = torch.ones(5, 5, dtype=torch.bool).triu(1)
        hidden = self.decoder(
            2 * self.embedding(target) + self.places, memory, tgt_mask=causal, memory_key_padding_mask=padding
        )
        return hidden @ self.embedding.weight.T


@case("decoder-step-by-step", pairs, translation_loss, notes="an LSTMCell with attention, a word at a time")
class StepByStep(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.cell = nn.Embedding(WORDS, 4), nn.LSTMCell(8, 4)
        self.key, self.out, self.first = nn.Linear(4, 4), nn.Linear(8, WORDS), nn.Parameter(torch.randn(4))

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        memory, words = self.embedding(source), self.embedding(target)
        state = self.first.expand(len(source), -1), torch.zeros_like(memory[:, 0])
        logits = []
        for word in words.unbind(1):
            scores = torch.bmm(self.key(memory), state[0][:, :, None]).squeeze(2)
            context = torch.einsum("bt,btd->bd", scores.masked_fill(source == 0, -1e9).softmax(1), memory)
            state = self.cell(torch.cat([word, context], 1), state)
            logits.append(self.out(torch.cat([state[0], context], 1)))
        return torch.stack(logits, 1)


def cloze(n: int) -> dict[str, Tensor]:
    """One to three hidden words an example."""
    x = torch.randint(1, WORDS, (n, 5))
    return {"x": x, "hidden": torch.arange(5) < 1 + torch.arange(n)[:, None] % 3}


def masked_word_loss(model: nn.Module, batch: Batch) -> Tensor:
    """The head sees the hidden places of the whole batch in one list; their losses are added up by example."""
    hidden = batch["hidden"]
    losses = F.cross_entropy(model(batch["x"].masked_fill(hidden, 0), hidden), batch["x"][hidden], reduction="none")
    owner = hidden.nonzero()[:, 0]
    return losses.new_zeros(len(hidden)).index_add(0, owner, losses) / hidden.sum(1)


@case(
    "masked-words-gathered",
    cloze,
    masked_word_loss,
    refused_by={"ghost": r"\bhead \(Linear\).*rearranged"},
    notes="as BERT is trained: ragged from the head onwards",
)
class MaskedWords(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.inner, self.head = nn.Embedding(WORDS, 6), nn.Linear(6, 6), nn.Linear(6, WORDS)

    def forward(self, x: Tensor, hidden: Tensor) -> Tensor:
        embedded = self.embedding(x)
        return self.head(torch.tanh(self.inner(embedded + embedded.mean(1, keepdim=True)))[hidden])


def lists(n: int) -> dict[str, Tensor]:
    return {"x": torch.randn(n, 4, 6), "y": torch.rand(n, 4)}


def ranking_loss(model: nn.Module, batch: Batch) -> Tensor:
    """Every pair of a query's documents in the right order: a logistic loss for each, averaged within the query."""
    scores, y = model(batch["x"]).squeeze(2), batch["y"]
    wrong = F.softplus(scores[:, None, :] - scores[:, :, None])
    better = (y[:, :, None] > y[:, None, :]).to(wrong)
    return (wrong * better).sum((1, 2)) / better.sum((1, 2))


@case("pairwise-ranking", lists, ranking_loss)
def ranker() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 1))
