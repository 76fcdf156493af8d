"""From an estimator's parameters to the parts of its training: module, rule, optimizer, device."""

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from reweigh.errors import BadInput
from reweigh.models import MLP
from reweigh.rules import Materials, Rule, registry

OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "sgd": torch.optim.SGD,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
}


def build_module(given: Any, features: int, outputs: int, hidden: tuple[int, ...]) -> nn.Module:
    """A copy of the module given, or what the factory given makes of (features, outputs), or an MLP.

    Raises:
        BadInput: if it is neither, or the factory makes no module.
    """
    if given is None:
        return MLP((features,), outputs, hidden=hidden)
    if isinstance(given, nn.Module):
        return copy.deepcopy(given)
    if not callable(given):
        raise BadInput(f"module= is {given!r}: give a torch module, or a function from (n_features, n_outputs) to one")
    made = given(features, outputs)
    if not isinstance(made, nn.Module):
        raise BadInput(f"module= made a {type(made).__name__} of ({features}, {outputs}): it must make a torch module")
    return made


def build_optimizer(given: Any, module: nn.Module, lr: float) -> torch.optim.Optimizer:
    """The optimizer of that name, or what the class or function given makes of the parameters and `lr=`."""
    if isinstance(given, str) and given not in OPTIMIZERS:
        raise BadInput(f"optimizer={given!r} is not known: choose one of {', '.join(OPTIMIZERS)}, or give a class")
    maker = OPTIMIZERS[given] if isinstance(given, str) else given
    made = maker([p for p in module.parameters() if p.requires_grad], lr=lr) if callable(maker) else maker
    if not isinstance(made, torch.optim.Optimizer):
        raise BadInput(f"optimizer= is {given!r}: give a name, or a class such as torch.optim.SGD")
    return made


def build_rule(given: Any, materials: Materials) -> Rule:
    """A copy of the rule given, or a new one of that name.

    Raises:
        BadInput: for an unknown name, or a rule of classes where there are none.
    """
    if isinstance(given, Rule):
        copied = copy.deepcopy(given)
        copied.prepare(materials)
        return copied
    if isinstance(given, str) and ":" in given:
        return registry.entry_of(given).make(materials)
    entry, known = registry.inside(given if isinstance(given, str) else None), registry.offered(materials.has)
    of_classes = entry is not None and "classes" in entry.needs - materials.has
    if entry is None or of_classes:
        why = "is a rule of classes, which regression has not" if of_classes else "is not known"
        raise BadInput(f"rule={given!r} {why}: choose one of {', '.join(known)}, or give a rule object")
    return entry.make(materials)


def check_outputs(module: nn.Module, x: Tensor, outputs: int) -> None:
    """Call the module once, which also makes the parameters of lazy layers.

    Raises:
        BadInput: if it makes something else than (B, outputs) of x (B, features).
    """
    with torch.no_grad():
        made = module.eval()(x)
    wanted = (len(x), outputs)
    if not isinstance(made, Tensor) or (made.shape != wanted and not (outputs == 1 and made.shape == wanted[:1])):
        shape = tuple(made.shape) if isinstance(made, Tensor) else type(made).__name__
        raise BadInput(f"the module makes {shape} of {len(x)} rows: it must make a tensor of shape {wanted}")
