"""What recent recipes do to a network: zero starts, adapters, experts, copies and memories, weights made by networks."""

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.case import CLASSES, Batch, case, series, vectors

IDS = 20


class Residuals(nn.Module):
    """Blocks on a residual stream, each scaled by a trained number."""

    def __init__(self, start: float) -> None:
        super().__init__()
        self.stem, self.head = nn.Linear(6, 6), nn.Linear(6, CLASSES)
        self.blocks = nn.ModuleList(nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 6)) for _ in range(2))
        self.scales = nn.ParameterList(torch.full((), start) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for block, scale in zip(self.blocks, self.scales, strict=True):
            x = x + scale * block(x)
        return self.head(x)


case("zero-residuals-rezero", vectors, notes="no gradient reaches the blocks before the scales have moved")(
    lambda: Residuals(0.0)
)


@case("zero-residuals-fixup", vectors, notes="the last layer of each branch starts at zero")
def fixup() -> nn.Module:
    model = Residuals(1.0)
    for block in model.blocks:
        nn.init.zeros_(block[2].weight)
    return model


@case("zero-head", series, notes="as vision transformers begin: only the head has a gradient at first")
class ZeroHead(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.block, self.head = (
            nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, batch_first=True),
            nn.Linear(4, CLASSES),
        )
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.block(x).mean(1))


@case("adapter-up-at-zero", vectors, notes="LoRA as it begins: B is zero, so A has no gradient")
class LowRank(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.frozen = nn.Linear(6, 6).requires_grad_(False)
        self.down, self.up = nn.Linear(6, 2, bias=False), nn.Linear(2, 6, bias=False)
        nn.init.zeros_(self.up.weight)
        self.head = nn.Linear(6, CLASSES).requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.tanh(self.frozen(x) + 2 * self.up(self.down(x))))


class Experts(nn.Module):
    """Each row goes to two of four experts, which see the rows sent to them and no others."""

    def __init__(self, capacity: int | None = None) -> None:
        super().__init__()
        self.stem, self.router, self.capacity = nn.Linear(6, 6), nn.Linear(6, 4), capacity
        self.experts = nn.ModuleList(nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, CLASSES)) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        x = torch.tanh(self.stem(x))
        share, chosen = self.router(x).softmax(1).topk(2, 1)
        out = x.new_zeros(len(x), CLASSES)
        for number, expert in enumerate(self.experts):
            rows, place = (chosen == number).nonzero(as_tuple=True)
            wanted = share[rows, place].argsort(descending=True)[: self.capacity]
            rows, place = rows[wanted], place[wanted]
            if len(rows):
                out = out.index_add(0, rows, share[rows, place, None] * expert(x[rows]))
        return out


CHOSEN = {"ghost": r"\bexperts\.\d\.0 \(Linear\).*rearranged"}
case("experts-top-two", vectors, refused_by=CHOSEN, notes="an expert's rows are any part of the batch, or all of it")(
    Experts
)
case(
    "experts-with-capacity",
    vectors,
    mixes_examples=True,
    refused_by=CHOSEN,
    notes="an expert takes the two rows that want it most, so the others decide; the derivative sees a fixed choice",
)(lambda: Experts(capacity=2))


def two_looks(n: int) -> dict[str, Tensor]:
    x = torch.randn(n, 6)
    return {"x": x, "other": x + 0.3 * torch.randn(n, 6), "y": torch.randint(CLASSES, (n,))}


def towards_target(model: nn.Module, batch: Batch) -> Tensor:
    logits, predicted, target = model(batch["x"], batch["other"])
    return F.cross_entropy(logits, batch["y"], reduction="none") - F.cosine_similarity(predicted, target, dim=1)


@case(
    "momentum-encoder",
    two_looks,
    towards_target,
    refused_by={"finite": r"\bencoder\b"},
    notes="a frozen copy follows the encoder, moved by forward (BYOL)",
)
class Momentum(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(6, 5), nn.Tanh())
        self.target = copy.deepcopy(self.encoder).requires_grad_(False)
        self.predictor, self.head = nn.Linear(5, 5), nn.Linear(5, CLASSES)
        with torch.no_grad():
            self.target[0].weight.mul_(0.8)

    def forward(self, x: Tensor, other: Tensor) -> tuple[Tensor, ...]:
        if self.training:
            with torch.no_grad():
                for ours, theirs in zip(self.target.parameters(), self.encoder.parameters(), strict=True):
                    ours.lerp_(theirs, 0.1)
        with torch.no_grad():
            target = self.target(other)
        features = self.encoder(x)
        return self.head(features), self.predictor(features), target


def numbered(n: int) -> dict[str, Tensor]:
    return {**vectors(n), "id": torch.randperm(IDS)[:n]}


def with_memory(model: nn.Module, batch: Batch) -> Tensor:
    logits, before = model(batch["x"], batch["id"])
    return F.cross_entropy(logits, batch["y"], reduction="none") + (logits.softmax(1) - before).square().sum(1)


@case("memory-by-example", numbered, with_memory, notes="temporal ensembling: a buffer by id that forward updates")
class Memory(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, CLASSES))
        self.register_buffer("seen", torch.rand(IDS, CLASSES))

    def forward(self, x: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
        logits, before = self.body(x), self.seen[ids]
        if self.training:
            self.seen[ids] = 0.6 * before + 0.4 * logits.detach().softmax(1)
        return logits, before


@case("memory-in-a-dict", numbered, with_memory, notes="the same memory in a dict that no state_dict knows")
class DictMemory(Memory):
    def __init__(self) -> None:
        super().__init__()
        self.rows = dict(enumerate(self._buffers.pop("seen")))

    def forward(self, x: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
        logits = self.body(x)
        before = torch.stack([self.rows[number] for number in ids.tolist()]).to(logits)
        if self.training:
            now = 0.6 * before + 0.4 * logits.detach().softmax(1)
            self.rows.update(zip(ids.tolist(), now, strict=True))
        return logits, before


def of_queue(model: nn.Module, batch: Batch) -> Tensor:
    return model(batch["x"], batch["other"])


@case("queue-of-negatives", two_looks, of_queue, refused_by={"finite": r"\bquery\b"})
class Queue(nn.Module):
    """MoCo: keys of earlier batches in a buffer that forward moves on."""

    def __init__(self) -> None:
        super().__init__()
        self.query = nn.Linear(6, 4)
        self.register_buffer("queue", F.normalize(torch.randn(12, 4), dim=1))

    def forward(self, x: Tensor, other: Tensor) -> Tensor:
        query, key = (F.normalize(self.query(view), dim=1) for view in (x, other))
        key = key.detach()
        negatives = self.queue.clone()
        if self.training:
            self.queue = torch.cat([key, self.queue])[:12]
        scores = torch.cat([(query * key).sum(1, keepdim=True), query @ negatives.T], 1) / 0.3
        return F.cross_entropy(scores, torch.zeros(len(x), dtype=torch.long), reduction="none")


@case("hypernetwork", vectors, notes="the second layer's weights are made from the example itself")
class HyperNetwork(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem, self.make, self.head = nn.Linear(6, 4), nn.Linear(6, 16), nn.Linear(4, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        weights = self.make(x).view(-1, 4, 4)
        return self.head(torch.tanh(torch.bmm(weights, torch.tanh(self.stem(x))[:, :, None]).squeeze(2)))


@case("deep-equilibrium", vectors, notes="a fixed point by a fixed number of iterations")
class Equilibrium(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inject, self.step, self.head = nn.Linear(6, 5), nn.Linear(5, 5, bias=False), nn.Linear(5, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        state, injected = torch.zeros(len(x), 5).to(x), self.inject(x)
        for _ in range(8):
            state = torch.tanh(0.5 * self.step(state) + injected)
        return self.head(state)


@case(
    "complex-spectrum",
    series,
    other_sizes=None,
    refused_by={"ghost": "Spectral"},
    notes="complex parameters multiply the Fourier transform along time",
)
class Spectral(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.filter = nn.Parameter(torch.randn(3, 4, 2))
        self.mix, self.head = nn.Parameter(torch.randn(4, 4, 2) / 2), nn.Linear(4, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        spectrum = torch.fft.rfft(x, dim=1, norm="ortho") * torch.view_as_complex(self.filter)
        return self.head(
            torch.tanh(torch.fft.irfft(spectrum @ torch.view_as_complex(self.mix), n=5, dim=1, norm="ortho")).mean(1)
        )
