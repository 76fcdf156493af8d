"""One parameter's step of an optimizer, as mathematics: forward, and backward in the sense of reverse-mode differentiation.

A step takes a parameter θ, the optimizer's state s for it and a gradient g to θ' and s'. Going back takes the derivatives
of some number by θ' and s' (the adjoints θ̄', s̄') to its derivatives by θ, s and g. Every optimizer here treats each
coordinate on its own, so both are a few operations on tensors of the parameter's shape.
"""

import abc
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor

Group = dict[str, Any]
State = dict[str, Any]


class Bar(NamedTuple):
    """The derivatives of a number by one parameter and by the optimizer's state for it; a missing key means zero."""

    p: Tensor
    state: dict[str, Tensor]


class Update(abc.ABC):
    """How one kind of optimizer steps."""

    state_needed: ClassVar[tuple[str, ...]] = ()
    """The entries of the state whose values `back` reads."""
    gradient_needed: ClassVar[bool] = False
    """Whether `back` reads the gradient."""

    @abc.abstractmethod
    def moved(self, p: Tensor, g: Tensor, group: Group, state: State) -> Tensor:
        """How far the step moves the parameter: θ' = θ − moved."""

    @abc.abstractmethod
    def back(
        self, p: Tensor, g: Tensor, group: Group, state: State, after: Bar, *, cold: bool = False
    ) -> tuple[Tensor, Bar]:
        """The derivative by the data gradient g, and those by θ (beside what goes through g) and the state before.

        `cold` says that no step has been made and that the parameter has no gradient anywhere.
        """


class Plain(Update):
    """θ' = θ − lr·g: plain SGD, and the stand-in for optimizers that are not known."""

    def moved(self, p: Tensor, g: Tensor, group: Group, state: State) -> Tensor:
        """lr·g."""
        moved: Tensor = group.get("lr", 1.0) * g
        return moved

    def back(
        self, p: Tensor, g: Tensor, group: Group, state: State, after: Bar, *, cold: bool = False
    ) -> tuple[Tensor, Bar]:
        """−lr·θ̄', and θ̄' as it is."""
        return -group.get("lr", 1.0) * after.p, Bar(after.p, {})


def entry(state: dict[str, Tensor], key: str, like: Tensor) -> Tensor:
    """`state[key]`, or zeros of the parameter's shape."""
    return state[key] if key in state else torch.zeros_like(like)


def signed(g: Tensor, group: Group) -> Tensor:
    """g with the sign that makes the step go downhill."""
    return -g if group["maximize"] else g


def with_decay(p: Tensor, g: Tensor, group: Group) -> Tensor:
    """The gradient that enters the step."""
    g = signed(g, group)
    return g + group["weight_decay"] * p if group["weight_decay"] else g
