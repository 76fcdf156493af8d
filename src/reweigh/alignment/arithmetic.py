"""What the arithmetic of a pass allows: the coarsest type seen, the usual tolerance, and what rounding alone changes."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from reweigh import sharded
from reweigh.undo import ForAWhile, lent

_TOLERANCES = {  # by the coarsest arithmetic seen in the pass: (exact engines, finite difference)
    torch.float64: (1e-8, 1e-5),
    torch.float32: (2e-4, 5e-3),
    torch.bfloat16: (3e-2, 5e-2),
    torch.float16: (1e-2, 5e-2),
}
_TF32 = 2e-2
"""TF32 has the precision of float16; what a step has worked out with it cannot be held to more."""


def allowed(dtype: torch.dtype, exact: bool) -> float:
    """How far an engine may be off without asking what rounding changes."""
    usual = _TOLERANCES[dtype][0 if exact else 1]
    return max(usual, _TF32) if dtype == torch.float32 and _tf32() else usual


def roughest(dtype: torch.dtype) -> float:
    """How far differences may be off at the most, however rough they are."""
    return 10 * _TOLERANCES[dtype][1] if dtype.itemsize >= 4 else 2 * _TOLERANCES[dtype][1]


def _tf32() -> bool:
    if not torch.cuda.is_available():
        return False
    return bool(torch.backends.cuda.matmul.allow_tf32 or torch.backends.cudnn.allow_tf32)


class full_precision(ForAWhile):
    """Within the block CUDA does not round float32 to TF32, as convolutions do by default."""

    def change(self) -> None:
        """Both flags go off, where one was on."""
        if not _tf32():
            return
        places: list[Any] = [torch.backends.cuda.matmul, torch.backends.cudnn]
        found = [place.allow_tf32 for place in places]

        def put_back() -> None:
            for place, value in zip(places, found, strict=True):
                place.allow_tf32 = value

        lent(put_back)
        for place in places:
            place.allow_tf32 = False


def rounded(p: Tensor, dtype: torch.dtype, generator: torch.Generator) -> Tensor:
    """A parameter as another rounding to this type could have left it."""
    noise = torch.rand(p.shape, generator=generator, dtype=torch.float32).to(p.device).mul_(2).sub_(1)
    return _at(p, p.detach() * sharded.spread_as((1 + torch.finfo(dtype).eps * noise.to(torch.float64)).to(p.dtype), p))


def elsewhere(p: Tensor, generator: torch.Generator) -> Tensor:
    """A parameter a tenth of its size away; where it is zero, as far as a fresh one would be."""
    size = float(sharded.norms([p.detach().abs()], torch.float64)) / p.numel() ** 0.5 if p.numel() else 0.0
    fresh = (p.numel() / p.shape[0]) ** -0.5 if p.ndim > 1 and p.numel() else 0.3
    noise = torch.randn(p.shape, generator=generator, dtype=torch.float32).to(p.device)
    return _at(p, p.detach() + sharded.spread_as((0.1 * size if size else fresh) * noise.to(p.dtype), p))


def _at(p: Tensor, values: Tensor) -> Tensor:
    """What may stand in a parameter's place, or be moved to where it is spread over ranks."""
    return values if sharded.is_sharded(p) else nn.Parameter(values, p.requires_grad)


class Coarsest(TorchFunctionMode):
    """Sees the least precise floating type that any operation of the pass returns."""

    def __init__(self) -> None:
        super().__init__()
        self.dtype = torch.float64

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if isinstance(out, Tensor) and out.dtype in _TOLERANCES:
            self.dtype = coarser(self.dtype, out.dtype)
        return out


def coarser(one: torch.dtype, other: torch.dtype) -> torch.dtype:
    """The less precise of two floating types."""
    return one if other not in _TOLERANCES or torch.finfo(one).eps >= torch.finfo(other).eps else other
