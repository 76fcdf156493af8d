"""The rule's own side of learning: its parameters ω, a copy of them for what was weighed, and its optimizer."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from reweigh import _torch
from reweigh.errors import NonFinite
from reweigh.learning.settings import Learning
from reweigh.rules import LearnedRule
from reweigh.undo import restore, unless_done


class Teaching:
    """Takes the rule's optimizer, made when the rule has its network, down given derivatives."""

    def __init__(self, rule: LearnedRule, learning: Learning) -> None:
        self._rule, self._learning = rule, learning
        self._made: Optimizer | None = None
        self._copy: dict[str, Tensor] | None = None

    @property
    def parameters(self) -> dict[str, nn.Parameter]:
        """ω, by name."""
        assert self._rule.net is not None  # the rule has weighed a batch, or was loaded
        return {name: p for name, p in self._rule.net.named_parameters() if p.requires_grad}

    def copy(self) -> dict[str, Tensor]:
        """A copy of ω, one and the same until ω changes."""
        if self._copy is None:
            self._copy = {name: p.detach().clone() for name, p in self.parameters.items()}
        return self._copy

    def step(self, derivatives: dict[str, Tensor]) -> None:
        """A step of the optimizer down the derivatives of the clean loss by ω; a missing name means zero.

        Raises:
            NonFinite: if one of them, or what the optimizer makes of ω, is not finite; both are put back with the call then.
        """
        optimizer, parameters, self._copy = self._optimizer(), self.parameters, None
        unless_done(_way_back(optimizer))
        for name, p in parameters.items():
            found = derivatives.get(name)
            p.grad = torch.zeros_like(p) if found is None else found.to(p)
        optimizer.step()
        for p in parameters.values():
            p.grad = None
        if _finite([*derivatives.values(), *parameters.values()]):
            return
        if not _finite(derivatives.values()):
            raise NonFinite(
                f"the derivative of the clean loss by the {self._rule.name} rule's parameters is not finite: lower the "
                "student's learning rate, or shorten the horizon"
            )
        raise NonFinite(
            f"the {self._rule.name} rule's own step leads to numbers that are not finite: lower Learning(lr=...)"
        )

    def state_dict(self) -> dict[str, Any] | None:
        """The optimizer's state, None before its first step; ω itself is saved with the rule."""
        return None if self._made is None else self._made.state_dict()

    def load_state_dict(self, state: dict[str, Any] | None) -> None:
        """Take up where `state_dict` left off, after the rule has."""
        self._copy = self._made = None
        if state is not None:
            self._optimizer().load_state_dict(state)

    def _optimizer(self) -> Optimizer:
        if self._made is None:
            self._made = self._learning.make(list(self.parameters.values()))
        return self._made


def _way_back(optimizer: Optimizer) -> Callable[[], None]:
    """A function that puts an optimizer's parameters, their gradients and its state back."""
    parameters = [(p, p.detach().clone(), p.grad) for group in optimizer.param_groups for p in group["params"]]
    groups = [
        (group, {key: value for key, value in group.items() if key != "params"}) for group in optimizer.param_groups
    ]
    states = {
        p: {key: (value, value.clone() if isinstance(value, Tensor) else value) for key, value in own.items()}
        for p, own in optimizer.state.items()
    }

    def put_back() -> None:
        for p, value, gradient in parameters:
            p.data.copy_(value)
            p.grad = gradient
        for group, settings in groups:
            group.update(settings)
        restore(optimizer.state, {p: {key: kept for key, (kept, _) in own.items()} for p, own in states.items()})
        for own in states.values():
            for kept, value in own.values():
                if isinstance(kept, Tensor):
                    kept.copy_(value)

    return put_back


def _finite(tensors: Iterable[Tensor]) -> bool:
    """Whether all are, and their squares too, which Adam keeps: in one transfer."""
    found = list(tensors)
    return not found or bool(torch.isfinite(_torch.norms(found)).all())
