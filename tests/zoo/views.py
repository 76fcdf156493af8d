"""Several rows an example, and examples that meet: views stacked or interleaved, mixing, negatives, odd batch axes."""

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap
from torch.nn import functional as F

from zoo.case import CLASSES, Batch, case, images, vectors


def encoder(width: int = 8) -> nn.Sequential:
    return nn.Sequential(nn.Linear(6, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh())


def two_views(n: int) -> dict[str, Tensor]:
    x = torch.randn(n, 6)
    return {"x": x, "other": x + 0.3 * torch.randn(n, 6), "y": torch.randint(CLASSES, (n,))}


def consistent(model: nn.Module, batch: Batch) -> Tensor:
    """Right on the first view, and the second view told the same."""
    one, two = model(batch["x"], batch["other"])
    return F.cross_entropy(one, batch["y"], reduction="none") + 0.5 * (one - two).square().mean(1)


@case("two-views-stacked", two_views, consistent, notes="2B rows: example i is rows i and B + i")
class Stacked(nn.Module):
    def __init__(self, zero_head: bool = False) -> None:
        super().__init__()
        self.encoder, self.head = encoder(), nn.Linear(8, CLASSES)
        if zero_head:
            nn.init.zeros_(self.head.weight)

    def forward(self, one: Tensor, two: Tensor) -> tuple[Tensor, ...]:
        return self.head(self.encoder(torch.cat([one, two]))).chunk(2)


case(
    "two-views-stacked-zero-head",
    two_views,
    consistent,
    notes="no gradient reaches the encoder before the first step, so its rows can't be told apart there",
)(lambda: Stacked(zero_head=True))


@case("two-views-interleaved", two_views, consistent, notes="2B rows: example i is rows 2i and 2i + 1")
class Interleaved(Stacked):
    def forward(self, one: Tensor, two: Tensor) -> tuple[Tensor, ...]:
        rows = one.repeat_interleave(2, 0)
        rows = torch.where((torch.arange(len(rows)) % 2 == 0)[:, None], rows, two.repeat_interleave(2, 0))
        out = self.head(self.encoder(rows))
        return out[::2], out[1::2]


@case("views-stacked-then-interleaved", two_views, consistent, notes="the order of the rows changes within the model")
class Reordered(Stacked):
    def forward(self, one: Tensor, two: Tensor) -> tuple[Tensor, ...]:
        hidden = self.encoder(torch.cat([one, two]))
        pairs = hidden.view(2, -1, 8).transpose(0, 1).reshape(-1, 8)
        return self.head(pairs).view(-1, 2, CLASSES).unbind(1)


@case("flipped-and-averaged", images, notes="an image and its mirror image in one batch, predictions averaged")
class Flipped(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(2, 4, 3), nn.Linear(4, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        features = F.silu(self.conv(torch.cat([x, x.flip(-1)]))).mean((2, 3))
        return self.head(features).unflatten(0, (2, -1)).mean(0)


def mixed_labels(model: nn.Module, batch: Batch) -> Tensor:
    """Manifold mixup's loss: the label of the example, and that of the one mixed into it."""
    logits, y = model(batch["x"]), batch["y"]
    own, other = (F.cross_entropy(logits, target, reduction="none") for target in (y, y.roll(1)))
    return 0.7 * own + 0.3 * other


@case("manifold-mixup", vectors, mixed_labels, mixes_examples=True, by_place=True, refused_by={"ghost": r"\bstem\b"})
class ManifoldMixup(nn.Module):
    """Hidden states of neighbours in the batch are mixed."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.head = nn.Linear(6, 8), nn.Linear(8, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.tanh(self.stem(x))
        return self.head(torch.tanh(0.7 * hidden + 0.3 * hidden.roll(1, 0)))


def questions(n: int) -> dict[str, Tensor]:
    return {"question": torch.randn(n, 6), "answer": torch.randn(n, 5)}


def in_batch_negatives(model: nn.Module, batch: Batch) -> Tensor:
    """Each question is to find its own answer among all answers of the batch."""
    scores = model(batch["question"], batch["answer"])
    return F.cross_entropy(scores, torch.arange(len(scores)), reduction="none")


TOWERS = {"ghost": r"\b(question|answer)\b"}


@case("in-batch-negatives", questions, in_batch_negatives, mixes_examples=True, refused_by=TOWERS)
class TwoTowers(nn.Module):
    """Dense retrieval: examples meet in the loss alone."""

    def __init__(self) -> None:
        super().__init__()
        self.question, self.answer = nn.Linear(6, 4), nn.Linear(5, 4)

    def forward(self, question: Tensor, answer: Tensor) -> Tensor:
        return F.normalize(self.question(question), dim=1) @ F.normalize(self.answer(answer), dim=1).T / 0.2


def nt_xent(model: nn.Module, batch: Batch) -> Tensor:
    """SimCLR's loss over 2B rows, both views of an example averaged."""
    rows = F.normalize(model(torch.cat([batch["x"], batch["other"]])), dim=1)
    n = len(rows) // 2
    scores = (rows @ rows.T / 0.5).masked_fill(torch.eye(2 * n, dtype=torch.bool), float("-inf"))
    partner = torch.arange(2 * n).roll(n)
    return F.cross_entropy(scores, partner, reduction="none").view(2, n).mean(0)


case("contrastive-two-views", two_views, nt_xent, mixes_examples=True, refused_by={"ghost": r"\b[02] \(Linear\)"})(
    encoder
)


@case("batch-in-channels", images, notes="a filter of its own for each example: B groups of one grouped convolution")
class BatchInChannels(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.filters, self.head = nn.Conv2d(2, 4, 3), nn.Linear(4, 4 * 4 * 9), nn.Linear(4, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.tanh(self.conv(x))
        n = len(x)
        kernels = self.filters(hidden.mean((2, 3))).reshape(n * 4, 4, 3, 3)
        out = F.conv2d(hidden.reshape(1, n * 4, 6, 6), kernels, groups=n).view(n, 4, 4, 4)
        return self.head(torch.tanh(out).mean((2, 3)))


@case("batch-axis-last", vectors, notes="columns are examples, as in papers")
class Columns(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Parameter(torch.randn(8, 6) / 2), nn.Parameter(torch.randn(CLASSES, 8) / 2)
        self.bias = nn.Parameter(torch.randn(8, 1))

    def forward(self, x: Tensor) -> Tensor:
        return (self.two @ torch.tanh(self.one @ x.T + self.bias)).T


@case("batch-axis-last-square", vectors, notes="as many columns as rows: d = B")
class SquareColumns(Columns):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Parameter(torch.randn(6, 6) / 2), nn.Parameter(torch.randn(CLASSES, 6) / 2)
        self.bias = nn.Parameter(torch.randn(6, 1))


@case("einsum-odd-letters", vectors, notes="low rank and bilinear, with the letters in no usual order")
class Einsum(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Parameter(torch.randn(5, 6) / 2), nn.Parameter(torch.randn(6, 5) / 2)
        self.core = nn.Parameter(torch.randn(CLASSES, 5, 5) / 2)

    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.tanh(torch.einsum("qf,zf->qz", self.left, x))
        other = torch.einsum("...f,fq->...q", x, self.right)
        return torch.einsum("aqr,qz,zr->za", self.core, hidden, other)


@case(
    "ensemble-by-vmap",
    vectors,
    refused_by={"forward": "Ensemble"},
    notes="three members' parameters stacked and called by vmap, predictions averaged",
)
class Ensemble(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        members = [nn.Sequential(nn.Linear(6, 4), nn.Tanh(), nn.Linear(4, CLASSES)) for _ in range(3)]
        stacked, _ = stack_module_state(members)
        self.stacked = nn.ParameterDict({name.replace(".", "_"): p.detach() for name, p in stacked.items()})
        self.names = list(stacked)
        self.__dict__["member"] = members[0].requires_grad_(False)  # its shape alone is used

    def forward(self, x: Tensor) -> Tensor:
        params = {name: self.stacked[name.replace(".", "_")] for name in self.names}
        return vmap(lambda p: functional_call(self.member, p, (x,)))(params).mean(0)
