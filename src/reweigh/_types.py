"""The vocabulary, on one page.

Shapes are written with these letters throughout: B training examples in a batch, M clean examples in a
batch, P parameters, C classes, N examples in a data set, K steps.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from torch import Tensor, nn

Batch: TypeAlias = Any
"""Whatever the user's loader yields and the user's loss takes."""

PerExampleLoss: TypeAlias = Callable[[nn.Module, Batch], Tensor]
"""`per_example_loss(model, batch) -> (B,)`: one loss an example, not averaged, calling the model it is given."""

TokenLoss: TypeAlias = Callable[[nn.Module, Batch], tuple[Tensor, Tensor]]
"""`per_token_loss(model, batch) -> (losses, counts)`, both (B, T): one loss a token, and which count (`reweigh.tokens`)."""

AnyLoss: TypeAlias = PerExampleLoss | TokenLoss

Params: TypeAlias = Mapping[str, Tensor]
"""Tensors by parameter name, as `model.named_parameters()` of the unwrapped model spells them.

Used for parameters and for directions in parameter space; in a direction a missing name means zero.
"""

LayerChoice: TypeAlias = str | list[str] | tuple[str, ...] | Callable[[str, nn.Module], bool] | None
"""Which submodules take part: glob patterns over module names, a predicate `(name, module) -> bool`, or all.

Or `"body"`: all but embeddings and the output layer that is tied to one.
"""

BatchGetter: TypeAlias = Callable[[Batch], Tensor]
"""Finds something with one row an example, (B,), in a batch: its labels, its ids, which examples are corrupted."""
