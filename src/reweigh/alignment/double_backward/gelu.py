"""GELU to be differentiated twice: it is x·Φ(x), its second derivative φ(x)·(2 − x²), with φ and Φ of the standard normal
distribution.

PyTorch writes it as a dozen passes over the activations, a tenth of a double backward pass of a Transformer.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from reweigh.alignment.double_backward.closed import Maybe, closed, known


def gelu(function: Callable[..., Tensor], input: Tensor, approximate: str = "none") -> Tensor:
    """`F.gelu`, by our own rule where it is the exact one."""
    if approximate != "none" or not known(input):
        return function(input, approximate=approximate)
    return closed(_Gelu(), input)


class _Gelu:
    def value(self, x: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        return F.gelu(x), ()

    def pytorch(self, x: Tensor) -> Tensor:
        return F.gelu(x)

    def first(self, g: Tensor, inputs: Any, kept: Any, wanted: Sequence[bool]) -> Sequence[Maybe]:
        return (torch.ops.aten.gelu_backward(g, inputs[0]),)

    def second(self, u: Sequence[Maybe], g: Tensor, inputs: Any, kept: Any, wanted: Sequence[bool]) -> Sequence[Maybe]:
        if u[0] is None:
            return None, None
        square = inputs[0] * inputs[0]
        second = square.mul(-0.5).exp_().mul_(square.neg_().add_(2)).mul_(_PEAK)  # in place: memory is the bottleneck
        return torch.ops.aten.gelu_backward(u[0], inputs[0]), second.mul_(u[0]).mul_(g)


_PEAK = 1 / math.sqrt(2 * math.pi)
