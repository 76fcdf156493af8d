"""The model as the library holds it: one module, be it given as one or as several.

Parameters of a criterion, prototypes, or a CRF kept beside the network take part like the network's own if they are given
with it: `model` may be a list, a tuple or a dict of modules, an `nn.ModuleList` or an `nn.ModuleDict`. `held` makes one
module of them, with parameters named as in a ModuleList (`"1.weight"`) or by the dict's keys (`"criterion.weight"`);
`as_given` is what the loss is called with: the same kind of container.

The wrappers people train with (DistributedDataParallel, DataParallel, `torch.compile`) are taken off by `unwrap`, around
the whole and around each of several: the inner module shares the parameters and is the one that dual numbers pass through.
"""

from collections.abc import Mapping
from typing import Any

from torch import nn

from reweigh._torch import before_compiling, inside_compiled
from reweigh.errors import BadInput

_DATA_PARALLEL = (nn.parallel.DistributedDataParallel, nn.DataParallel)


class Several(nn.Module):
    """Several modules as one. It is never called itself; `given` is what was passed, of the kind that the loss expects."""

    def __init__(self, given: Any) -> None:
        super().__init__()
        self._given = (given,)  # in a tuple: a ModuleList must not become a part of this module
        self._bare: tuple[nn.Module, ...] = ()
        for name, part in _named(given):
            try:
                self.add_module(name, part)
            except KeyError as refused:
                raise BadInput(f"model names a module {name!r}, which cannot be one ({refused.args[0]})") from refused
        parts = [part for part in self._modules.values() if part is not None]
        if any(unwrap(part) is not part for part in parts):
            self._bare = (Several(_of_the_kind_of(given, [unwrap(part) for part in parts])),)

    @property
    def given(self) -> Any:
        """What the loss is called with."""
        return self._given[0]

    @property
    def bare(self) -> nn.Module:
        """The same without the wrappers of each."""
        return self._bare[0] if self._bare else self

    @property
    def training(self) -> bool:
        """Whether any of the modules is in train mode."""
        return any(part.training for part in self.children())

    @training.setter
    def training(self, mode: bool) -> None:
        """Each module has a mode of its own."""


def held(model: Any) -> nn.Module:
    """The model as one module: itself, or what stands for several.

    Raises:
        BadInput: if it is neither a module nor a list or dict of modules.
    """
    if isinstance(model, nn.ModuleList | nn.ModuleDict) and len(model):
        return Several(model) if any(unwrap(part) is not part for part in model.children()) else model
    return model if isinstance(model, nn.Module) else Several(model)


def unwrap(model: Any) -> nn.Module:
    """The innermost module of a model wrapped by DistributedDataParallel, DataParallel or `torch.compile`.

    Several modules are unwrapped one by one.
    """
    module = held(model)
    while True:
        if isinstance(module, Several):
            return module.bare
        if isinstance(module, _DATA_PARALLEL):
            module = held(module.module)
        elif isinstance(inner := inside_compiled(module), nn.Module):
            module = inner
        else:
            return module


def uncompiled_loss(loss: Any) -> Any:
    """The function that `torch.compile` was given, or the loss itself."""
    return before_compiling(loss)


def as_given(module: nn.Module) -> Any:
    """What the loss is called with: the module, or the container of the kind that was given."""
    return module.given if isinstance(module, Several) else module  # nn.Module types its attributes loosely


def called(module: nn.Module) -> list[tuple[str, nn.Module]]:
    """What the loss calls, by the prefix of its name: the module itself, or each of several."""
    if isinstance(module, Several | nn.ModuleList | nn.ModuleDict):
        return [(f"{name}.", part) for name, part in module.named_children()]
    return [("", module)]


def _named(given: Any) -> list[tuple[str, nn.Module]]:
    if isinstance(given, Mapping | nn.ModuleDict):
        named = [(str(name), part) for name, part in given.items()]
    elif isinstance(given, list | tuple | nn.ModuleList):
        named = [(str(index), part) for index, part in enumerate(given)]
    else:
        raise BadInput(f"model is a {type(given).__name__}: pass an nn.Module, or a list or dict of modules")
    if not named:
        raise BadInput("model is an empty collection: pass an nn.Module, or a list or dict of modules")
    for name, part in named:
        if not isinstance(part, nn.Module):
            kind = type(part).__name__
            hint = "put it into nn.ParameterList([...])" if kind in ("Parameter", "Tensor") else "leave it out"
            raise BadInput(f"model has {name!r}, a {kind}, among its modules: all must be an nn.Module, so {hint}")
    return named


def _of_the_kind_of(given: Any, parts: list[nn.Module]) -> Any:
    if isinstance(given, nn.ModuleDict):
        return nn.ModuleDict(dict(zip(given.keys(), parts, strict=True)))
    if isinstance(given, nn.ModuleList):
        return nn.ModuleList(parts)
    if isinstance(given, Mapping):
        return dict(zip(given.keys(), parts, strict=True))
    return type(given)(*parts) if hasattr(given, "_fields") else type(given)(parts)
