"""Kinds of wrong labels, each made from checked examples: what a verifier is taught to tell from right ones."""

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor

from reweigh.rightness.view import View

Kind = Callable[[View, Tensor, torch.Generator], Tensor]
"""From a view of checked examples, their right labels (m,) and a generator to wrong labels (m,)."""
KINDS: dict[str, Kind] = {}
"""By name."""
_Function = TypeVar("_Function", bound=Kind)
_TEMPTED = 0.02


def kind(function: _Function) -> _Function:
    """Make a function a kind of wrongness, by its own name."""
    KINDS[function.__name__] = function
    return function


@kind
def at_random(view: View, labels: Tensor, generator: torch.Generator) -> Tensor:
    """Any other label, each as likely."""
    return (labels + torch.randint(1, view.classes, labels.shape, generator=generator)) % view.classes


@kind
def tempting(view: View, labels: Tensor, generator: torch.Generator) -> Tensor:
    """Another label, as likely as the model finds it: mistakes that people make are those that a model makes."""
    chances = (view.said.exp() + _TEMPTED).scatter(1, labels[:, None], 0.0)
    return torch.multinomial(chances, 1, generator=generator)[:, 0]
