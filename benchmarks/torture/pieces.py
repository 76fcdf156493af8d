"""What random models are made of: layers, and ways to lay the examples out, each a module that is told the batch size.

A piece says in which layout it takes the hidden state and in which it leaves it:

    rows     (n, WIDTH)        stacked  (2n, WIDTH), views one after the other     pairs    (2n, WIDTH), views side by side
    columns  (WIDTH, n)        series   (n, T, WIDTH)                              timed    (T, n, WIDTH)
    folded   (n·T, WIDTH)      timed-folded   (T·n, WIDTH)
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WIDTH = 6
Act = Callable[[Tensor, int], Tensor]


class Piece(nn.Module):
    """A function of the hidden state (and the batch size n) with the layers that it uses."""

    def __init__(self, act: Act, **layers: nn.Module) -> None:
        super().__init__()
        self.act, self.parts = act, nn.ModuleDict(layers)

    def forward(self, h: Tensor, n: int) -> Tensor:
        return self.act(h, n)


class Kind(NamedTuple):
    """A way to make a piece, and the layouts before and after it (None: the one it was given)."""

    make: Callable[[], nn.Module]
    before: str
    after: str | None = None
    mixes: bool = False


def linear() -> nn.Module:
    layer = nn.Linear(WIDTH, WIDTH)
    return Piece(lambda h, n: layer(h), layer=layer)


def layer_norm() -> nn.Module:
    layer = nn.LayerNorm(WIDTH)
    return Piece(lambda h, n: torch.tanh(2 * layer(h)), layer=layer)


def residual() -> nn.Module:
    branch = nn.Sequential(nn.Linear(WIDTH, 8), nn.GELU(), nn.Linear(8, WIDTH))
    return Piece(lambda h, n: h + branch(h), branch=branch)


def zero_residual() -> nn.Module:
    branch = nn.Sequential(nn.Linear(WIDTH, 4), nn.Tanh(), nn.Linear(4, WIDTH))
    nn.init.zeros_(branch[2].weight)
    return Piece(lambda h, n: h + branch(h), branch=branch)


class Scale(nn.Module):
    """A trained scale and shift, used by the model's own code rather than by a layer."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.scale, self.shift = nn.Parameter(1 + torch.randn(shape) / 4), nn.Parameter(torch.randn(shape) / 4)


def scaled() -> nn.Module:
    own = Scale(WIDTH)
    return Piece(lambda h, n: torch.tanh(h * own.scale + own.shift), own=own)


def half_detached() -> nn.Module:
    layer = nn.Linear(WIDTH, WIDTH)
    return Piece(lambda h, n: torch.tanh(layer(h)) * (1 + 0.5 * h.detach()), layer=layer)


def shifted_without_grad() -> nn.Module:
    own = Scale(WIDTH)

    def act(h: Tensor, n: int) -> Tensor:
        with torch.no_grad():
            shift = own.shift * 2
        return torch.tanh((h + shift) * own.scale)

    return Piece(act, own=own)


def moved(there: Callable[[Tensor], Tensor], back: Callable[[Tensor], Tensor]) -> Callable[[], nn.Module]:
    """A layer that sees the examples in other rows than before and after it."""

    def make() -> nn.Module:
        layer = nn.Linear(WIDTH, WIDTH)
        return Piece(lambda h, n: back(torch.tanh(layer(there(h)))), layer=layer)

    return make


def sorted_rows() -> nn.Module:
    layer = nn.Linear(WIDTH, WIDTH)

    def act(h: Tensor, n: int) -> Tensor:
        order = h[:, 0].detach().argsort()
        return torch.tanh(layer(h[order]))[order.argsort()]

    return Piece(act, layer=layer)


def one_by_one() -> nn.Module:
    layer = nn.Linear(WIDTH, WIDTH)
    return Piece(lambda h, n: torch.stack([torch.tanh(layer(row)) for row in h]), layer=layer)


def in_halves() -> nn.Module:
    layer = nn.Linear(WIDTH, WIDTH)
    return Piece(lambda h, n: torch.cat([torch.tanh(layer(part)) for part in h.chunk(2)]), layer=layer)


def centred() -> nn.Module:
    layer = nn.Linear(WIDTH, WIDTH)
    return Piece(lambda h, n: layer(h) - layer(h).mean(0), layer=layer)


class BatchNorm(nn.Module):
    """By hand, and in train mode only: what was exact in eval mode is not afterwards."""

    def __init__(self) -> None:
        super().__init__()
        self.own = Scale(WIDTH)

    def forward(self, h: Tensor, n: int) -> Tensor:
        if self.training:
            h = (h - h.mean(0)) / (h.var(0, unbiased=False) + 1e-2).sqrt()
        return h * self.own.scale + self.own.shift


def neighbours() -> nn.Module:
    layer = nn.Linear(WIDTH, WIDTH)
    return Piece(lambda h, n: 0.7 * torch.tanh(layer(h)) + 0.3 * h.roll(1, 0), layer=layer)


def mixed_if_even() -> nn.Module:
    layer = nn.Linear(WIDTH, WIDTH)
    return Piece(lambda h, n: torch.tanh(layer(h)) + (h.mean(0) if n % 2 == 0 else h), layer=layer)


def columns() -> nn.Module:
    weight, bias = Scale(WIDTH, WIDTH), Scale(WIDTH, 1)
    return Piece(lambda h, n: torch.tanh(weight.scale @ h / 3 + bias.shift), weight=weight, bias=bias)


def placed(steps: Callable[[int], int]) -> Callable[[], nn.Module]:
    """Rows become series, with a learned place for each step."""

    def make() -> nn.Module:
        places = nn.Embedding(16, WIDTH)
        return Piece(lambda h, n: h[:, None] + places(torch.arange(steps(n))), places=places)

    return make


def attention(batch_first: bool) -> nn.Module:
    layer = nn.MultiheadAttention(WIDTH, 2, batch_first=batch_first)
    return Piece(lambda h, n: h + layer(h, h, h, need_weights=False)[0], layer=layer)


def recurrent(batch_first: bool) -> nn.Module:
    layer = nn.GRU(WIDTH, WIDTH, batch_first=batch_first)
    return Piece(lambda h, n: layer(h)[0], layer=layer)


def convolution() -> nn.Module:
    layer = nn.Conv1d(WIDTH, WIDTH, 3, padding=1)
    return Piece(lambda h, n: torch.tanh(layer(h.transpose(1, 2))).transpose(1, 2), layer=layer)


def pooled_by_attention() -> nn.Module:
    query = nn.Linear(WIDTH, 1)
    return Piece(lambda h, n: (query(h).softmax(1) * h).sum(1), query=query)


def ragged() -> nn.Module:
    """As many instances as the place in the batch says, all in one list, split again."""
    layer = nn.Linear(WIDTH, WIDTH)

    def act(h: Tensor, n: int) -> Tensor:
        sizes = [1 + (3 * i) % h.shape[1] for i in range(n)]
        rows = torch.cat([row[:size] for row, size in zip(h, sizes, strict=True)])
        return torch.stack([part.mean(0) for part in torch.tanh(layer(rows)).split(sizes)])

    return Piece(act, layer=layer)


def laid(act: Act) -> Callable[[], nn.Module]:
    return lambda: Piece(act)


EVERYWHERE = ("rows", "stacked", "pairs", "series", "timed", "folded", "timed-folded")
LAYERS = {
    f.__name__: f for f in (linear, layer_norm, residual, zero_residual, scaled, half_detached, shifted_without_grad)
}

KINDS: dict[str, Kind] = {
    **{f"{name} on {layout}": Kind(make, layout) for layout in EVERYWHERE for name, make in LAYERS.items()},
    "flipped": Kind(moved(lambda h: h.flip(0), lambda h: h.flip(0)), "rows"),
    "rolled": Kind(moved(lambda h: h.roll(1, 0), lambda h: h.roll(-1, 0)), "rows"),
    "sorted": Kind(sorted_rows, "rows"),
    "one by one": Kind(one_by_one, "rows"),
    "in halves": Kind(in_halves, "rows"),
    "centred": Kind(centred, "rows", mixes=True),
    "batch norm by hand": Kind(BatchNorm, "rows", mixes=True),
    "neighbours": Kind(neighbours, "rows", mixes=True),
    "mixed if even": Kind(mixed_if_even, "rows", mixes=True),
    "stack views": Kind(laid(lambda h, n: torch.cat([h, 0.5 * h + 0.1])), "rows", "stacked"),
    "unstack views": Kind(laid(lambda h, n: h.view(2, n, WIDTH).mean(0)), "stacked", "rows"),
    "interleave views": Kind(laid(lambda h, n: torch.stack([h, h.sin()], 1).flatten(0, 1)), "rows", "pairs"),
    "join views": Kind(laid(lambda h, n: h[::2] - 0.5 * h[1::2]), "pairs", "rows"),
    "stacked to pairs": Kind(laid(lambda h, n: h.view(2, n, WIDTH).transpose(0, 1).reshape(-1, WIDTH)), "stacked", "pairs"),
    "to columns": Kind(laid(lambda h, n: h.T), "rows", "columns"),
    "columns": Kind(columns, "columns"),
    "from columns": Kind(laid(lambda h, n: h.T), "columns", "rows"),
    "placed": Kind(placed(lambda n: 3), "rows", "series"),
    "placed, T = n": Kind(placed(lambda n: n), "rows", "series"),
    "attention": Kind(lambda: attention(True), "series"),
    "gru": Kind(lambda: recurrent(True), "series"),
    "convolution": Kind(convolution, "series"),
    "mean over time": Kind(laid(lambda h, n: h.mean(1)), "series", "rows"),
    "last step": Kind(laid(lambda h, n: h[:, -1]), "series", "rows"),
    "attention pooling": Kind(pooled_by_attention, "series", "rows"),
    "ragged pooling": Kind(ragged, "series", "rows"),
    "time first": Kind(laid(lambda h, n: h.transpose(0, 1)), "series", "timed"),
    "batch first": Kind(laid(lambda h, n: h.transpose(0, 1)), "timed", "series"),
    "attention, time first": Kind(lambda: attention(False), "timed"),
    "gru, time first": Kind(lambda: recurrent(False), "timed"),
    "fold": Kind(laid(lambda h, n: h.reshape(-1, WIDTH)), "series", "folded"),
    "unfold": Kind(laid(lambda h, n: h.view(n, -1, WIDTH)), "folded", "series"),
    "fold, time first": Kind(laid(lambda h, n: h.reshape(-1, WIDTH)), "timed", "timed-folded"),
    "unfold, time first": Kind(laid(lambda h, n: h.view(-1, n, WIDTH)), "timed-folded", "timed"),
    "softsign": Kind(laid(lambda h, n: F.softsign(h)), "rows"),
}  # fmt: skip
