"""Which engine: tried at the first batch, checked, and explained.

The check is the adjoint identity. For random c, the engine's Σ c_i a_i must equal ⟨∇Σ c_i ℓ_i, v⟩, which one ordinary
backward pass gives. It catches what raises no error: an operation that differentiates wrongly in one mode, a parameter
that is used behind the module's back, a step too small for half-precision arithmetic.
"""

import weakref
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from reweigh._types import Params
from reweigh.alignment.double import Double
from reweigh.alignment.engine import Engine, Task, Weigh, Weighted
from reweigh.alignment.finite import COARSE_STEP, Finite
from reweigh.alignment.forward import Forward
from reweigh.errors import BadInput, EngineRefused
from reweigh.student import undisturbed

CANDIDATES: dict[str, tuple[Engine, ...]] = {
    "forward": (Forward(),),
    "finite": (Finite(), Finite(COARSE_STEP)),
    "double": (Double(),),
}
"""By the name a user gives, cheapest first; the finite engine has a coarser step for half precision."""

_TOLERANCES = {  # by the coarsest arithmetic seen in the pass: (exact engines, finite difference)
    torch.float64: (1e-8, 1e-5),
    torch.float32: (2e-3, 3e-2),
    torch.bfloat16: (1e-1, 3e-1),
    torch.float16: (5e-2, 3e-1),
}


class Checked(Engine):
    """The first candidate that works and passes the check, decided once, at the first batch with a clean gradient."""

    name: ClassVar[str] = "checked"
    exact: ClassVar[bool] = False

    def __init__(self, asked: str) -> None:
        if asked != "auto" and asked not in CANDIDATES:
            raise BadInput(f"there is no engine {asked!r}: choose 'auto', {', '.join(map(repr, CANDIDATES))}")
        self.asked = asked
        self.chosen: Engine | None = None
        self.reasons: list[str] = []

    def alignments(self, task: Task, direction: Params) -> Tensor:
        """By the chosen engine; chooses it first if that has not happened."""
        return (self.chosen or self._choose(task, direction)).alignments(task, direction)

    def backward(self, task: Task, direction: Params, weigh: Weigh) -> Weighted:
        """By the chosen engine; chooses it first if that has not happened."""
        return (self.chosen or self._choose(task, direction)).backward(task, direction, weigh)

    def explain(self) -> str:
        """Which engine is used and why, a line a candidate."""
        if self.chosen is None:
            return f"engine={self.asked!r}: not chosen yet, that happens at the first batch"
        return "\n".join([f"engine={self.asked!r} uses {self.chosen!r}", *(f"  {reason}" for reason in self.reasons)])

    def state_dict(self) -> dict[str, Any]:
        """What was chosen, so that a resumed run computes with the same engine."""
        chosen = None if self.chosen is None else [self.chosen.name, getattr(self.chosen, "step", None)]
        return {"asked": self.asked, "chosen": chosen, "reasons": list(self.reasons)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up an earlier choice, if it was made for the same request."""
        if state["asked"] == self.asked and state["chosen"] is not None:
            name, step = state["chosen"]
            same = [e for e in CANDIDATES[name] if getattr(e, "step", None) == step]
            self.chosen, self.reasons = same[0], [*state["reasons"], "taken over from a checkpoint"]

    def _choose(self, task: Task, direction: Params) -> Engine:
        candidates = [e for name, group in CANDIDATES.items() if self.asked in ("auto", name) for e in group]
        reasons: list[str] = []
        for engine in candidates:
            try:
                reasons.append(check(engine, task, direction))
            except EngineRefused as refused:
                reasons.append(f"{engine!r}: {refused}")
                if len(candidates) == 1:
                    raise
                continue
            if any(bool(v.any()) for v in direction.values()):  # zero proves nothing: decide at a later batch
                self.chosen, self.reasons = engine, reasons
            return engine
        raise EngineRefused(f"no engine works for {type(task.module).__name__}: {'; '.join(reasons)}")


def check(engine: Engine, task: Task, direction: Params) -> str:
    """The adjoint identity for one random c; returns a sentence with the deviation.

    Raises:
        EngineRefused: if the engine's alignments and the ordinary backward pass disagree.
    """
    alignments = engine.alignments(task, direction).double()
    tangents = task.tangents(direction)
    leaves = [task.chosen[name] for name in tangents]
    if not leaves:
        return f"{engine!r}: nothing to differentiate along"
    c = torch.randn(len(alignments), generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(alignments)
    with undisturbed(task.module), torch.enable_grad(), _Coarsest() as seen:
        losses = task.losses()
        grads = torch.autograd.grad(losses, leaves, c.to(losses), allow_unused=True) if losses.requires_grad else ()
    pairs = [(g.double(), v.double()) for g, v in zip(grads, tangents.values(), strict=False) if g is not None]
    expected = sum((float((g * v).sum()) for g, v in pairs), 0.0)
    size = sum(float(g.square().sum()) for g, _ in pairs) ** 0.5 * sum(float(v.square().sum()) for _, v in pairs) ** 0.5
    scale = max(float(alignments.norm()), abs(expected), 1e-2 * size) or 1.0
    deviation = abs(float((c * alignments).sum()) - expected) / scale
    allowed = _TOLERANCES[seen.dtype][0 if engine.exact else 1]
    verdict = f"the adjoint identity holds to {deviation:.1e} (allowed {allowed:.0e} in {_plain(seen.dtype)})"
    if not deviation <= allowed:
        others = [name for name in CANDIDATES if name != engine.name]
        raise EngineRefused(
            f"engine {engine.name!r} disagrees with the backward pass of {type(task.module).__name__}: the "
            f"adjoint identity is off by {deviation:.1e}, {allowed:.0e} is allowed in "
            f"{_plain(seen.dtype)}; try engine={' or '.join(map(repr, others))}"
        )
    return f"{engine!r}: {verdict}"


def _plain(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


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


def first_that_works(task: Task, leaving_out: str) -> str | None:
    """The name of the first other engine that computes this task and passes the check along a random direction."""
    generator = torch.Generator().manual_seed(0)
    direction = {name: torch.randn(p.shape, generator=generator).to(p) for name, p in task.chosen.items()}
    for name, group in CANDIDATES.items():
        for engine in group if name != leaving_out else ():
            try:
                check(engine, task, direction)
            except Exception:
                continue
            return name
    return None


_remembered: weakref.WeakKeyDictionary[nn.Module, dict[str, Checked]] = weakref.WeakKeyDictionary()


def engine_for(module: nn.Module, engine: str | Engine) -> Engine:
    """The engine object for what a user passed; a name is decided once for a module and then remembered with it."""
    if isinstance(engine, Engine):
        return engine
    of_module = _remembered.setdefault(module, {})
    key = f"{engine}, {'train' if module.training else 'eval'}"
    if key not in of_module:
        of_module[key] = Checked(engine)
    return of_module[key]
