"""Interrupts at random instructions: afterwards everything is as found, and training goes on to the same bits.

Two equal scenes train side by side. One is interrupted, by a KeyboardInterrupt at a random instruction of reweigh's, the
model's or PyTorch's Python code within a public call; model, gradients, optimizer, switches and generators are compared
with what they were, bit for bit. Then both take the step, and must agree to the bit. An interrupt at the last instruction
may find the call done: then it must be wholly done, as in the other scene.
"""

import random
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.overrides import _get_current_function_mode_stack

import reweigh
from reweigh import L2RW, Learning, Reweigher
from reweigh.optimizers import ReversibleSGD
from reweigh.rules import ClassAwareWeightNet, DeepInteraction, MetaWeightNet

_ROOTS = tuple([str(Path(module.__file__ or "").parent) for module in (reweigh, torch)] + [__file__])
_IN_A_ROW = 20
"""How often a scene is interrupted before the next one is built."""
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


def run(seed: int, count: int, scenes: Sequence[str] = ()) -> dict[str, Any]:
    """So many interrupts, spread over all scenes, or those named: {"tried", "kept", "lost"}; what was lost is named."""
    draw, total = random.Random(seed), {"tried": 0, "kept": 0, "lost": []}
    names = list(scenes or SCENES)
    draw.shuffle(names)
    turn = 0
    while total["tried"] < count:
        name, turn = names[turn % len(names)], turn + 1
        share = min(_IN_A_ROW, max(1, count // len(names)), count - total["tried"])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for lost in interrupted(name, share, draw):
                total["tried"] += 1
                total["kept"] += lost is None
                if lost is not None:
                    total["lost"].append(lost)
    return total


def interrupted(name: str, count: int, draw: random.Random) -> Iterator[str | None]:
    """Interrupt a scene so many times: None where everything was kept, else what was not, and where."""
    scene, twin = Scene(**SCENES[name]), Scene(**SCENES[name])
    steps = draw.randrange(4)  # at the first batch an engine is chosen, and checked
    for _ in range(steps):
        _step(scene), _step(twin)
    length = _Tracer(twin.prepare()).run().seen
    twin.finish()
    if steps:
        _step(scene)
    else:
        twin = Scene(**SCENES[name])
    for _ in range(count):
        call = scene.prepare()
        before = found(scene)
        tracer = _Tracer(call, at=draw.randrange(length)).run()
        if lost := differences(before, found(scene)):
            twin.prepare()()  # not interrupted, or only when all was done
            if differences(found(twin, own=False), found(scene, own=False)):
                yield f"{name}: {', '.join(lost)} after an interrupt at {tracer.place}"
                return
        else:
            if tracer.place:
                call()
            twin.prepare()()
        scene.finish(), twin.finish()
        off = differences(found(twin, own=False), found(scene, own=False))
        if off:
            yield f"{name}: {', '.join(off)} differ at the next step after an interrupt at {tracer.place}"
            return
        if tracer.place:
            yield None


def _step(scene: Scene) -> None:
    scene.prepare()()
    scene.finish()


def seed(number: int) -> None:
    """All generators."""
    torch.manual_seed(number)
    np.random.seed(number)
    random.seed(number)


class _Tracer:
    """Runs a call and counts the instructions of the code in question; raises at one of them."""

    def __init__(self, call: Callable[[], Any], at: int = -1) -> None:
        self._call, self._at = call, at
        self.seen, self.place = 0, ""

    def run(self) -> "_Tracer":
        """The call; an interrupt of ours ends here."""
        before = sys.gettrace()
        sys.settrace(self._enter)
        try:
            self._call()
        except KeyboardInterrupt:
            if not self.place:
                raise
        finally:
            sys.settrace(before)
        return self

    def _enter(self, frame: FrameType, event: str, arg: Any) -> Any:
        if not frame.f_code.co_filename.startswith(_ROOTS) or (frame.f_code.co_filename == __file__ and _ours(frame)):
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return self._instruction

    def _instruction(self, frame: FrameType, event: str, arg: Any) -> Any:
        if event == "opcode":
            if self.seen == self._at:
                self.place = f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno} ({frame.f_code.co_name})"
                sys.settrace(None)
                raise KeyboardInterrupt
            self.seen += 1
        return self._instruction


def _ours(frame: FrameType) -> bool:
    return frame.f_code.co_name not in ("forward", "loss", "quiet_loss", "loss_in_half")


def found(scene: Scene, own: bool = True) -> dict[str, Any]:
    """All that an interrupt may not change, by what it is; without `own`, what two scenes have in common."""
    model, state = scene.model, scene.optimizer.state
    told: dict[str, Any] = {}
    for name, part in model.named_modules():
        plain = {key: value for key, value in vars(part).items() if isinstance(value, bool | int | float | str)}
        hooks = {key: list(value) for key, value in vars(part).items() if key.endswith("_hooks") and value}
        told[f"attributes of {name!r}"] = plain, list(vars(part)), list(part._parameters), list(part._buffers)
        if own:
            tensors = [*part._parameters.items(), *part._buffers.items()]
            told[f"places in {name!r}"] = hooks, [(key, id(t)) for key, t in tensors]
            told[f"weights of {name!r}"] = [id(w) for w in vars(part).get("_flat_weights", ())]
            told[f"forward of {name!r}"] = "forward" in vars(part)
    for name, p in model.named_parameters():
        told[name] = _bits(p), p.requires_grad, _bits(p.grad), p.is_leaf
        told[f"state for {name}"] = {key: _bits(value) for key, value in state.get(p, {}).items()}
        if own:
            told[f"storage of {name}"] = p.data_ptr(), id(p.grad)
    told |= {f"buffer {name}": _bits(t) for name, t in model.named_buffers()}
    net = getattr(scene.reweigher.rule, "net", None)
    told |= {f"the rule's {name}": _bits(p) for name, p in (net.named_parameters() if net else ())}
    told["generators"] = _bits(torch.get_rng_state()), str(np.random.get_state()), random.getstate()
    told["switches"] = (
        torch.is_grad_enabled(), torch._C._is_fwd_grad_enabled(), forward_ad._current_level,
        len(_get_current_function_mode_stack()), torch.is_autocast_enabled("cpu"), torch.is_autocast_cache_enabled(),
        torch.get_autocast_dtype("cpu"), torch.backends.mha.get_fastpath_enabled(), torch.backends.mkldnn.enabled,
        torch.backends.cudnn.enabled, torch.backends.cuda.flash_sdp_enabled(), torch.backends.cuda.math_sdp_enabled(),
        torch.backends.cuda.mem_efficient_sdp_enabled(), len(warnings.filters), _levels_open(),
    )  # fmt: skip
    return told


def _levels_open() -> int:
    """PyTorch's own count, which is not Python's."""
    level: int = torch._C._enter_dual_level()
    torch._C._exit_dual_level(level=level)
    return level


def _bits(value: Any) -> Any:
    if not isinstance(value, Tensor):
        return value if value is None or isinstance(value, int | float) else str(value)
    return value.detach().contiguous().view(-1).view(torch.uint8).numpy().tobytes() if value.numel() else b""


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """The names of what is not the same, the first few."""
    return [name for name in before | after if before.get(name) != after.get(name)][:4]
