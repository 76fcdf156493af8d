"""Is an engine right for this model? Asked at the first batch, of the ordinary backward pass.

The adjoint identity: for random c, the engine's Σ c_i a_i must equal ⟨∇Σ c_i ℓ_i, v⟩, which one ordinary backward pass
gives. It catches what raises no error: an operation that differentiates wrongly in one mode, a parameter that is used
behind the module's back, a step too small for half-precision arithmetic. And before an engine's own pass serves training,
its gradients are compared with those of an ordinary pass.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from reweigh._types import Params
from reweigh.alignment.engine import Engine, Task
from reweigh.alignment.refusal import is_searching, remedy
from reweigh.as_found import undisturbed
from reweigh.errors import EngineRefused
from reweigh.student import gradients

_TOLERANCES = {  # by the coarsest arithmetic seen in the pass: (exact engines, finite difference)
    torch.float64: (1e-8, 1e-5),
    torch.float32: (2e-3, 1.5e-2),
    torch.bfloat16: (5e-2, 1e-1),
    torch.float16: (2e-2, 1e-1),
}
_PROBES = 4
_SHARED_TOLERANCE = 2e-2  # two correct passes in bfloat16 differ by 1e-2; a broken graph is off by far more


class Undecided(Exception):
    """The batch proves nothing: its losses or the direction are not finite, or the direction is zero."""


def check(engine: Engine, task: Task, direction: Params) -> str:
    """The adjoint identity for a few random c; returns a sentence with the deviation.

    Raises:
        EngineRefused: if the engine's alignments and the ordinary backward pass disagree; names the layer.
        Undecided: if this batch cannot tell.
    """
    if not any(bool(v.any()) for v in direction.values()):
        raise Undecided
    deviation, dtype = _deviation(engine, task, direction)
    allowed = _TOLERANCES[dtype][0 if engine.exact else 1]
    told = f"to {deviation:.1e} ({allowed:.0e} is allowed in {str(dtype).removeprefix('torch.')})"
    if deviation <= allowed:
        return f"{engine!r}: the adjoint identity holds {told}"
    if is_searching():
        raise EngineRefused(f"the adjoint identity holds only {told}")
    layer = _last_layer_off(engine, task, direction, allowed)
    raise EngineRefused(
        f"engine {engine.name!r} disagrees with the backward pass at {layer}: the adjoint identity holds only {told}; "
        f"{remedy(engine.name, task)}"
    )


def _deviation(engine: Engine, task: Task, direction: Params) -> tuple[float, torch.dtype]:
    """How far Σ c_i a_i is from ⟨∇Σ c_i ℓ_i, v⟩, relative, and the coarsest arithmetic of the pass.

    Relative to the right-hand sides alone: an engine that returns large noise must not set its own scale.
    """
    alignments = engine.alignments(task, direction).double()
    tangents = task.tangents(direction)
    if not tangents:
        return 0.0, torch.float64
    generator = torch.Generator().manual_seed(0)
    cs = torch.randn(_PROBES, len(alignments), generator=generator, dtype=torch.float64).to(alignments)
    products = []
    for c in cs:  # a forward pass each: a graph that is kept for the next would need more memory than training does
        with undisturbed(task.module), torch.enable_grad(), _Coarsest() as seen:
            products.append(_products(task.losses(), task, tangents, c))
    expected = torch.tensor([sum(p for p, _ in terms) for terms in products], dtype=torch.float64)
    size = torch.tensor([sum(s for _, s in terms) for terms in products], dtype=torch.float64)
    if not bool(torch.isfinite(expected).all()):
        raise Undecided
    off = (cs @ alignments).cpu() - expected
    scale = max(_rms(expected), 1e-2 * _rms(size))
    return _rms(off) / scale if scale else _rms(off), seen.dtype


def _products(losses: Tensor, task: Task, tangents: Params, c: Tensor) -> list[tuple[float, float]]:
    """⟨g, v⟩ and ‖g‖‖v‖ for each parameter, with g the gradient of Σ c_i ℓ_i."""
    if not losses.requires_grad:
        return [(0.0, 0.0)]
    grads = gradients(losses, [task.chosen[name] for name in tangents], c.to(losses))
    pairs = ((g, v) for g, v in zip(grads, tangents.values(), strict=True) if g is not None)
    return [_product(g.double(), v.double()) for g, v in pairs] or [
        (0.0, 0.0)
    ]  # one after the other, for memory's sake


def _product(g: Tensor, v: Tensor) -> tuple[float, float]:
    return float((g * v).sum()), float(g.norm() * v.norm())


def _rms(values: Tensor) -> float:
    return float(values.double().square().mean().sqrt())


def _last_layer_off(engine: Engine, task: Task, direction: Params, allowed: float) -> str:
    """The last submodule along whose own parameters the engine is off by itself: what it feeds is to blame."""
    found = f"{type(task.module).__name__}'s own forward"
    seen: set[int] = set()  # a tied parameter belongs to the first that has it
    for name, part in task.module.named_modules():
        own = {id(p) for p in part.parameters(recurse=False)} - seen
        seen |= own
        inside = {key: v for key, v in direction.items() if key in task.chosen and id(task.chosen[key]) in own}
        if name and inside and _deviation(engine, task, inside)[0] > allowed:
            found = f"{name} ({type(part).__name__})"
    return found


def check_joint(engine: Engine, task: Task, direction: Params) -> tuple[bool, str]:
    """Whether the losses and gradients of the engine's shared pass are those of an ordinary one, and a sentence."""
    apart = "weights first, then a pass for training"
    plain = _gradients_of(task, lambda: task.losses())
    try:
        shared = _gradients_of(task, lambda: (engine.joint(task, direction) or (None,))[0])
    except Exception as error:
        return False, f"its own pass cannot serve training ({type(error).__name__}): {apart}"
    if not shared:
        return False, apart
    off = max((_far(p, s) for p, s in zip(plain, shared, strict=True)), default=0.0)
    if off > _SHARED_TOLERANCE:
        return False, f"its own pass gives other gradients (off by {off:.1e}): {apart}"
    return True, f"one pass serves weights and training (gradients agree to {off:.1e})"


def _gradients_of(task: Task, losses_by: Callable[[], Tensor | None]) -> tuple[Tensor | None, ...]:
    """The gradients of a weighted sum of the losses; their graph is gone when this returns."""
    with undisturbed(task.module), torch.enable_grad():
        losses = losses_by()
        if losses is None:
            return ()
        weights = torch.linspace(0.5, 1.5, len(losses)).to(losses)
        return gradients(losses, list(task.chosen.values()), weights)


def _far(one: Tensor | None, other: Tensor | None) -> float:
    """The relative distance of two gradients, where None is zero."""
    if one is None and other is None:
        return 0.0
    zero = torch.zeros_like(one if one is not None else other)  # type: ignore[arg-type]
    one, other = zero if one is None else one, zero if other is None else other
    size = float(one.double().norm())
    return float((one.double() - other.double()).norm()) / size if size else float(other.double().norm())


class _Coarsest(TorchFunctionMode):
    """Sees the least precise floating type that any operation of the pass returns."""

    def __init__(self) -> None:
        super().__init__()
        self.dtype = torch.float64

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if isinstance(out, Tensor) and out.dtype in _TOLERANCES:
            self.dtype = min(self.dtype, out.dtype, key=lambda t: -torch.finfo(t).eps)
        return out
