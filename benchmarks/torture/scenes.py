"""What is interrupted: small models in training, each with an engine or a rule, up to one of reweigh's public calls."""

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reweigh import L2RW, Learning, Reweigher
from reweigh.optimizers import ReversibleSGD
from reweigh.rules import ClassAwareWeightNet, DeepInteraction, MetaWeightNet

CLASSES, WIDTH, WORDS = 3, 6, 11


class Dense(nn.Module):
    """Batch normalisation, dropout, a hook, a counter in a buffer and one in an attribute."""

    def __init__(self, norm: bool = True) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(WIDTH, 8), nn.BatchNorm1d(8) if norm else nn.LayerNorm(8), nn.ReLU(), nn.Dropout(0.3)
        )
        self.head = nn.Linear(8, CLASSES)
        self.register_buffer("passes", torch.zeros((), dtype=torch.long))
        self.calls = 0
        self.head.register_forward_hook(lambda module, args, output: output * 1.5)

    def forward(self, x: Tensor) -> Tensor:
        self.passes += 1
        self.calls += 1
        return self.head(self.body(x))


class Layered(Dense):
    """With layer normalisation instead."""

    def __init__(self) -> None:
        super().__init__(norm=False)


class Words(nn.Module):
    """An embedding with max_norm, whose weight is the head's too, and a recurrent layer."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(WORDS, 6, max_norm=1.0)
        self.cell = nn.GRU(6, 6, batch_first=True)
        self.head = nn.Linear(6, WORDS, bias=False)
        self.head.weight = self.table.weight

    def forward(self, x: Tensor) -> Tensor:
        words = (x.abs() * 3).long() % WORDS
        return self.head(self.cell(self.table(words))[0].mean(1))[:, :CLASSES]


class Attention(nn.Module):
    """A Transformer layer."""

    def __init__(self) -> None:
        super().__init__()
        self.into = nn.Linear(WIDTH, 8)
        self.layer = nn.TransformerEncoderLayer(8, 2, 12, dropout=0.2, batch_first=True)
        self.head = nn.Linear(8, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layer(self.into(x)[:, None].repeat(1, 4, 1)).mean(1))


def loss(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
    """Cross entropy, (B,); one number of NumPy's and one of Python's are drawn, as augmentations do."""
    x = batch["x"] * (1 + 1e-3 * float(np.random.rand()) + 1e-3 * random.random())
    return F.cross_entropy(model(x), batch["y"], reduction="none")


def quiet_loss(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
    """Without draws beside PyTorch's, which are all that a step taken back can draw again."""
    return F.cross_entropy(model(batch["x"]), batch["y"], reduction="none")


def loss_in_half(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
    """The same under autocast."""
    with torch.autocast("cpu", torch.bfloat16):
        return loss(model, batch).float()


def batch_of(number: int, size: int) -> dict[str, Tensor]:
    """Examples made from a number."""
    draw = torch.Generator().manual_seed(number)
    x = torch.randn(size, WIDTH, generator=draw)
    return {"x": x, "y": torch.randint(CLASSES, (size,), generator=draw), "id": torch.arange(size)}


class Scene:
    """A model in training; `call` is what is interrupted."""

    def __init__(
        self,
        model: Callable[[], nn.Module],
        rule: Callable[[], Any],
        call: str,
        per_example_loss: Any = loss,
        reverse: bool = False,
        **settings: Any,
    ) -> None:
        torch.manual_seed(0)
        self.model, self.call = model(), call
        made = rule()
        kind: Any = ReversibleSGD if reverse else torch.optim.Adam if isinstance(made, L2RW) else torch.optim.SGD
        self.optimizer = kind(self.model.parameters(), lr=1e-2)
        if not isinstance(made, L2RW):
            settings["optimizer"] = self.optimizer
        clean = [batch_of(900 + k, 5) for k in range(3)]
        self.reweigher = Reweigher(self.model, per_example_loss, rule=made, clean=clean, **settings)
        self.number, self.adds = 0, not reverse

    def prepare(self) -> Callable[[], Any]:
        """All of a step that lies before the call, and the call; the generators are set."""
        seed(self.number)
        batch = batch_of(self.number, 7)
        if self.number % 3 or not self.adds:  # each third step adds to the gradient of the one before
            self.optimizer.zero_grad()
        if self.call == "after_step":
            self.reweigher.backward(batch)
            self.optimizer.step()
            return self.reweigher.after_step
        return lambda: getattr(self.reweigher, self.call)(batch)

    def finish(self) -> None:
        """All that lies behind it."""
        if self.call == "backward":
            self.optimizer.step()
            self.reweigher.after_step()
        self.number += 1


def seed(number: int) -> None:
    """All generators."""
    torch.manual_seed(number)
    np.random.seed(number)
    random.seed(number)


_L2RW: list[tuple[str, dict[str, Any]]] = [
    (f"{engine}-{call}-{kind.__name__}", {"model": kind, "rule": L2RW, "call": call, "engine": engine})
    for engine in ("forward", "finite", "double", "auto")
    for call in ("weigh", "backward")
    for kind in ((Dense, Words, Attention) if engine != "finite" else (Layered, Attention))
]
_GHOST: list[tuple[str, dict[str, Any]]] = [
    (f"ghost-{call}-{kind.__name__}", {"model": kind, "rule": L2RW, "call": call, "engine": "ghost"})
    for call in ("weigh", "backward")
    for kind in (Layered, Words, Attention)
]
_RULES: dict[str, Callable[[], Any]] = {
    "curve": lambda: MetaWeightNet(hidden=4),
    "classes": lambda: ClassAwareWeightNet([5, 9, 2], hidden=4),
    "teacher": lambda: DeepInteraction(CLASSES, width=3, hidden=4),
}
_LEARNED: list[tuple[str, dict[str, Any]]] = [
    (f"{name}-{how}-{call}", {"model": Dense, "rule": rule, "call": call, "learning": learning})
    for name, rule in _RULES.items()
    for how, learning in (
        ("one", Learning()),
        ("three", Learning(horizon=3)),
        ("virtual", Learning(look_ahead="virtual")),
    )
    for call in (("weigh", "backward") if how == "virtual" else ("backward", "after_step"))
]
_OTHERS: list[tuple[str, dict[str, Any]]] = [
    ("autocast-backward", {"model": Attention, "rule": L2RW, "call": "backward", "per_example_loss": loss_in_half}),
    ("autocast-weigh", {"model": Dense, "rule": L2RW, "call": "weigh", "per_example_loss": loss_in_half}),
    ("kept-direction", {"model": Dense, "rule": L2RW, "call": "backward", "clean_every": 2, "clean_average": 0.5}),
    ("skip-zeros", {"model": Words, "rule": L2RW, "call": "backward", "preset": "fast", "engine": "forward"}),
    (
        "reverse",
        {
            "model": Dense, "rule": _RULES["curve"], "call": "after_step", "reverse": True,
            "per_example_loss": quiet_loss,
            "learning": Learning(horizon=3, memory="reverse"),
        },
    ),
]  # fmt: skip
SCENES: dict[str, dict[str, Any]] = dict(_L2RW + _GHOST + _LEARNED + _OTHERS)
"""What is interrupted, by name."""
