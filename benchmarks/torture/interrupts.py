"""Interrupts at random instructions: afterwards everything is as found, and training goes on to the same bits.

Two equal scenes train side by side. One is interrupted, by a KeyboardInterrupt at a random instruction of reweigh's, the
model's or PyTorch's Python code within a public call; model, gradients, optimizer, switches and generators are compared
with what they were, bit for bit. Then both take the step, and must agree to the bit. An interrupt at the last instruction
may find the call done: then it must be wholly done, as in the other scene.
"""

import inspect
import random
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.overrides import _get_current_function_mode_stack

import reweigh
from benchmarks.torture.scenes import SCENES, Scene

_MODELS = inspect.getfile(Scene)
_ROOTS = tuple([str(Path(module.__file__ or "").parent) for module in (reweigh, torch)] + [_MODELS])
_IN_A_ROW = 20
"""How often a scene is interrupted before the next one is built."""


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
        if not frame.f_code.co_filename.startswith(_ROOTS) or (frame.f_code.co_filename == _MODELS and _ours(frame)):
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
