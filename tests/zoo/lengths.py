"""Inner sizes that equal the batch's, and examples of different sizes: windows, patches, bags, documents, graphs."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from zoo.case import CLASSES, WORDS, B, Batch, case

LENGTH = B
"""As many steps, patches or windows as there are examples in a training batch."""


def square_series(n: int) -> dict[str, Tensor]:
    return {"x": torch.randn(n, LENGTH, 4), "y": torch.randint(CLASSES, (n,))}


class Mixer(nn.Module):
    """One layer along time, one along the width, a learned place for every step."""

    def __init__(self) -> None:
        super().__init__()
        self.places = nn.Parameter(torch.randn(LENGTH, 4) / 2)
        self.tokens, self.channels, self.head = nn.Linear(LENGTH, LENGTH), nn.Linear(4, 4), nn.Linear(4, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.places
        x = x + torch.tanh(self.tokens(x.transpose(1, 2))).transpose(1, 2)
        return self.head((x + torch.tanh(self.channels(x))).mean(1))


case("length-equals-batch", square_series, notes="T = B: which axis is the batch, no shape can tell")(Mixer)


@case("length-equals-batch-time-first", square_series, notes="T = B, and time comes first")
class TimeFirst(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.places = nn.Parameter(torch.randn(LENGTH, 1, 4) / 2)
        self.attention, self.inner = nn.MultiheadAttention(4, 2), nn.Linear(4, 4)
        self.head = nn.Linear(4, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = x.transpose(0, 1) + self.places
        x = x + self.attention(x, x, x, need_weights=False)[0]
        return self.head((x + torch.tanh(self.inner(x))).mean(0))


def square_language(n: int) -> dict[str, Tensor]:
    text = torch.randint(WORDS, (n, LENGTH + 1))
    return {"x": text[:, :-1], "y": text[:, 1:]}


def token_loss_time_first(model: nn.Module, batch: Batch) -> Tensor:
    """Every token of every example in one long list, time the slower index; averaged within an example again."""
    logits = model(batch["x"].T)
    losses = F.cross_entropy(logits.flatten(0, 1), batch["y"].T.reshape(-1), reduction="none")
    return losses.view(logits.shape[:2]).mean(0)


@case("language-model-time-first", square_language, token_loss_time_first, notes="T = B, folded into (T·B, words)")
class TimeFirstLanguage(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.places = nn.Embedding(WORDS, 6), nn.Embedding(LENGTH, 6)
        self.mix, self.head = nn.Linear(6, 6), nn.Linear(6, WORDS)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.embedding(x) + self.places(torch.arange(len(x)))[:, None]
        return self.head(torch.tanh(self.mix(hidden.cumsum(0))))


def wide_images(n: int) -> dict[str, Tensor]:
    """LENGTH squares of 2x2 pixels."""
    return {"x": torch.randn(n, 2, 4, LENGTH), "y": torch.randint(CLASSES, (n,))}


@case("shifted-windows", wide_images, notes="as many windows as examples, folded into the batch, after a cyclic shift")
class ShiftedWindows(nn.Module):
    """A Swin block: attention within windows of 2x2 with a learned bias for places, on a rolled image."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.qkv, self.out = nn.Conv2d(2, 4, 1), nn.Linear(4, 12), nn.Linear(4, 4)
        self.bias, self.head = nn.Parameter(torch.randn(4, 4) / 2), nn.Linear(4, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x).permute(0, 2, 3, 1)
        for shift in (0, 1):
            windows = x.roll((-shift, -shift), (1, 2)).unfold(1, 2, 2).unfold(2, 2, 2)  # (n, 2, 3, 4, 2, 2)
            n, rows, columns = windows.shape[:3]
            tokens = windows.permute(0, 1, 2, 4, 5, 3).reshape(-1, 4, 4)
            q, k, v = self.qkv(tokens).chunk(3, -1)
            mixed = self.out((q @ k.mT / 2 + self.bias).softmax(-1) @ v)
            back = mixed.view(n, rows, columns, 2, 2, 4).permute(0, 1, 3, 2, 4, 5).reshape(x.shape)
            x = x + back.roll((shift, shift), (1, 2))
        return self.head(x.mean((1, 2)))


@case("patches-as-many-as-batch", wide_images, notes="a vision transformer over B patches and a class token")
class Patches(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed, self.token = nn.Linear(8, 4), nn.Parameter(torch.randn(1, 1, 4))
        self.places = nn.Parameter(torch.randn(LENGTH + 1, 4) / 2)
        self.block = nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, batch_first=True, norm_first=True)
        self.head = nn.Linear(4, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        patches = F.unfold(x, 2, stride=2).transpose(1, 2)  # (n, LENGTH, 8)
        tokens = torch.cat([self.token.expand(len(x), -1, -1), torch.tanh(self.embed(patches))], 1)
        return self.head(self.block(tokens + self.places)[:, 0])


def bags(n: int) -> dict[str, Tensor]:
    """Bags of one to four instances, padded in the batch; the models take the padding out first."""
    return {"x": torch.randn(n, 4, 6), "sizes": 1 + torch.arange(n) % 4, "y": torch.randint(CLASSES, (n,))}


def present(x: Tensor, sizes: Tensor) -> Tensor:
    """Which places hold something."""
    return torch.arange(x.shape[1]) < sizes[:, None]


def sized(model: nn.Module, batch: Batch) -> Tensor:
    return F.cross_entropy(model(batch["x"], batch["sizes"]), batch["y"], reduction="none")


class Bags(nn.Module):
    """Multiple-instance learning: all instances of the batch in one list, split by sizes, attention within a bag."""

    def __init__(self) -> None:
        super().__init__()
        self.instance, self.score, self.head = nn.Linear(6, 5), nn.Linear(5, 1), nn.Linear(5, CLASSES)

    def forward(self, x: Tensor, sizes: Tensor) -> Tensor:
        rows = torch.cat([bag[:size] for bag, size in zip(x, sizes.tolist(), strict=True)])
        features = torch.tanh(self.instance(rows))
        scores = self.score(features).squeeze(1)
        pairs = zip(features.split(sizes.tolist()), scores.split(sizes.tolist()), strict=True)
        return self.head(torch.stack([s.softmax(0) @ f for f, s in pairs]))


def even_bags(n: int) -> dict[str, Tensor]:
    return {**bags(n), "sizes": torch.full((n,), 3)}


case(
    "bags-of-instances",
    bags,
    sized,
    other_sizes=even_bags,
    refused_by={"ghost": r"\bscore \(Linear\)"},
    notes="as many rows as instances, no multiple of B",
)(Bags)
case(
    "bags-of-one-size",
    even_bags,
    sized,
    other_sizes=bags,
    refused_by={"ghost": r"\bscore\b"},
    notes="3B rows, which look regular in this batch",
)(Bags)


def documents(n: int) -> dict[str, Tensor]:
    """Two to four sentences of LENGTH words; word 0 pads."""
    x = torch.randint(1, WORDS, (n, 4, LENGTH))
    x[:, :, -1] = 0
    return {"x": x, "sizes": 2 + torch.arange(n) % 3, "y": torch.randint(CLASSES, (n,))}


def shorter_documents(n: int) -> dict[str, Tensor]:
    """All of three sentences, of four words."""
    batch = documents(n)
    return {**batch, "x": batch["x"][:, :, -4:], "sizes": torch.full((n,), 3)}


REARRANGED = r".*rearranged"


@case(
    "hierarchical-attention",
    documents,
    sized,
    other_sizes=shorter_documents,
    refused_by={"ghost": r"\bembedding \(Embedding\)" + REARRANGED},
    notes="words to sentences to documents, each level ragged",
)
class Documents(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.words, self.sentences = nn.Embedding(WORDS, 6), nn.Linear(6, 6), nn.Linear(6, 6)
        self.word_query, self.sentence_query = nn.Parameter(torch.randn(6)), nn.Parameter(torch.randn(6))
        self.head = nn.Linear(6, CLASSES)

    def forward(self, x: Tensor, sizes: Tensor) -> Tensor:
        words = x[present(x, sizes)]  # (sentences of the batch, LENGTH)
        hidden = torch.tanh(self.words(self.embedding(words)))
        attention = (hidden @ self.word_query).masked_fill(words == 0, float("-inf")).softmax(1)
        sentences = torch.einsum("sw,swd->sd", attention, hidden).split(sizes.tolist())
        padded = torch.tanh(self.sentences(pad_sequence(list(sentences), batch_first=True)))
        scores = (padded @ self.sentence_query).masked_fill(~present(padded, sizes), float("-inf"))
        return self.head((scores.softmax(1)[:, :, None] * padded).sum(1))


def even_documents(n: int) -> dict[str, Tensor]:
    return {"x": torch.randint(WORDS, (n, 3, 4)), "y": torch.randint(CLASSES, (n,))}


def square_documents(n: int) -> dict[str, Tensor]:
    """As many words a sentence as documents in a training batch."""
    return {"x": torch.randint(WORDS, (n, 3, B)), "y": torch.randint(CLASSES, (n,))}


@case("documents-of-sentences", even_documents, other_sizes=square_documents, notes="B·S sentences, no padding")
class EvenDocuments(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.words, self.sentences = nn.Embedding(WORDS, 6), nn.Linear(6, 6), nn.Linear(6, 6)
        self.head = nn.Linear(6, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        words = torch.tanh(self.words(self.embedding(x.flatten(0, 1)))).mean(1)
        return self.head(torch.tanh(self.sentences(words.view(*x.shape[:2], -1))).mean(1))


@case(
    "graph-network",
    bags,
    sized,
    other_sizes=even_bags,
    refused_by={"ghost": r"\bembed \(Linear\)" + REARRANGED},
    notes="graphs of 1 to 4 nodes as one graph, block-diagonal; index_add by graph",
)
class Graphs(nn.Module):
    """Two rounds of messages along rings."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.head = nn.Linear(6, 5), nn.Linear(5, CLASSES)
        self.messages = nn.ModuleList(nn.Linear(5, 5) for _ in range(2))

    def forward(self, x: Tensor, sizes: Tensor) -> Tensor:
        nodes = torch.tanh(self.embed(x[present(x, sizes)]))
        graph = torch.repeat_interleave(torch.arange(len(sizes)), sizes)
        first = (sizes.cumsum(0) - sizes)[graph]
        source = torch.arange(len(graph))
        target = first + (source - first + 1) % sizes[graph]
        for layer in self.messages:
            sent = torch.zeros_like(nodes).index_add(0, target, layer(nodes)[source])
            nodes = torch.tanh(nodes + sent)
        pooled = nodes.new_zeros(len(sizes), 5).index_add(0, graph, nodes)
        return self.head(pooled / sizes[:, None])
