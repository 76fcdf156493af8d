"""Random small models and the batches that they are shown, all from one seed."""

import random
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.torture.pieces import KINDS, WIDTH

CLASSES = 3
Batch = dict[str, Tensor]

HOME = {
    "stacked": "unstack views",
    "pairs": "join views",
    "columns": "from columns",
    "series": "mean over time",
    "timed": "batch first",
    "folded": "unfold",
    "timed-folded": "unfold, time first",
}
"""The way back to rows."""


class Network(nn.Module):
    """Pieces one after the other, and a head that may begin at zero."""

    def __init__(self, names: tuple[str, ...], zero_head: bool) -> None:
        super().__init__()
        self.stem, self.pieces = nn.Linear(WIDTH, WIDTH), nn.ModuleList(KINDS[name].make() for name in names)
        self.head = nn.Linear(WIDTH, CLASSES)
        if zero_head:
            nn.init.zeros_(self.head.weight)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.tanh(self.stem(x))
        for piece in self.pieces:
            h = piece(h, len(x))
        return self.head(h)


@dataclass(frozen=True)
class Stage:
    """One batch: so many examples of so many steps, in train or in eval mode, weighed or trained on."""

    size: int
    length: int
    training: bool
    trains: bool


@dataclass(frozen=True)
class Recipe:
    """A model in words, and what happens to it."""

    seed: int
    names: tuple[str, ...]
    series: bool
    zero_head: bool
    coupled: bool
    dtype: torch.dtype
    stages: tuple[Stage, ...]

    def __str__(self) -> str:
        facts = [str(self.dtype).removeprefix("torch."), "series in" if self.series else "rows in", *self.names]
        facts += ["head at zero"] * self.zero_head + ["losses coupled"] * self.coupled
        return " · ".join(facts)

    def model(self) -> Network:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            return Network(self.names, self.zero_head).to(self.dtype)

    def batch(self, size: int, length: int, number: int) -> Batch:
        """The batch of this number: as large as asked for."""
        source = torch.Generator().manual_seed(1000 * self.seed + number)
        shape = (size, length, WIDTH) if self.series else (size, WIDTH)
        x = torch.randn(shape, generator=source).to(self.dtype)
        return {"x": x, "y": torch.randint(CLASSES, (size,), generator=source)}

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        losses = F.cross_entropy(model(batch["x"]), batch["y"], reduction="none")
        return losses * (1 + losses.mean()) if self.coupled else losses


def recipe(seed: int) -> Recipe:
    """What the seed stands for: one model in four mixes examples, one in four begins with a head at zero."""
    draw = random.Random(seed)
    series, mixes = draw.random() < 0.5, draw.random() < 0.25
    names: list[str] = []
    layout = "series" if series else "rows"
    for _ in range(draw.randint(2, 7)):
        fitting = [name for name, kind in KINDS.items() if kind.before == layout and (mixes or not kind.mixes)]
        moving = [name for name in fitting if KINDS[name].after]
        names.append(draw.choice(moving if moving and draw.random() < 0.4 else fitting))
        layout = KINDS[names[-1]].after or layout
    while layout != "rows":
        names.append(HOME[layout])
        layout = KINDS[names[-1]].after or layout
    dtype = torch.float32 if draw.random() < 0.25 else torch.float64
    return Recipe(
        seed,
        tuple(names),
        series,
        draw.random() < 0.25,
        draw.random() < 0.05,
        dtype,
        tuple(stage(draw) for _ in range(6)),
    )


def stage(draw: random.Random) -> Stage:
    """Often as many steps as examples, or as the model is wide."""
    size = draw.choice((4, 5, 6, 6, 8))
    length = draw.choice((3, 4, 6, size, size))
    return Stage(size, length, draw.random() < 0.6, draw.random() < 0.6)
