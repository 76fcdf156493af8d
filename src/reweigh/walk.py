"""A model walked once: its modules and parameters, with what tells cheaply whether they are still the same.

PyTorch's own walks (`named_parameters`, `modules`) are generators within generators, and a step would take ten of them. Here
all is kept as lists, and before each batch the content of every module's dictionaries is compared with what was found, by
identity and without a Python call a module: layers added or taken out, parameters exchanged or renamed are seen.
"""

from itertools import chain
from operator import methodcaller
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from reweigh import sharded
from reweigh._torch import runs_compiled, settle_shards

_values = methodcaller("values")


class Walk:
    """What there is in a module.

    Attributes:
        module: the walked one.
        named: all its parts by name, itself first, as `named_modules` has them.
        parts: the same as a list.
        parameters: by name, as `named_parameters` has them.
        sharded: parts whose parameters `fully_shard` has spread over ranks.
        recurrent: parts that keep a second list of their weights.
        places: where each stands: the dictionary of its owner, its name there, itself, and its own name.
        version: grows with each walk.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module, self.version = module, 0
        self._walk()

    def _walk(self) -> None:
        self.named = dict(self.module.named_modules())
        self.parts = list(self.named.values())
        self.sharded = sharded.parts_of(self.parts)
        settle_shards(self.sharded)
        self.parameters: dict[str, nn.Parameter] = dict(self.module.named_parameters())
        names = {id(p): name for name, p in self.parameters.items()}
        self.places = [
            (part._parameters, leaf, p, names[id(p)])
            for part in self.parts
            for leaf, p in part._parameters.items()
            if p is not None and id(p) in names
        ]
        self._slots = [
            (f"{prefix}.{leaf}" if prefix else leaf, place, leaf)
            for prefix, part in self.named.items()
            for place in (part._parameters, part._buffers)
            for leaf in place
        ]
        self.recurrent = [part for part in self.parts if isinstance(part, nn.RNNBase)]
        self._rescaling = [part for part in self.parts if isinstance(part, nn.Embedding | nn.EmbeddingBag)]
        self._found, self._content = self._now()  # the things themselves, so that no other has their identity
        self.version += 1

    def _now(self) -> tuple[list[Any], list[Any]]:
        """What the parts hold: the things, and their identities with all names."""
        parts = self.parts
        held = [*[part._modules for part in parts], *[part._parameters for part in parts]]
        things = list(chain.from_iterable(map(_values, held)))
        names = chain.from_iterable([*held, *[part._buffers for part in parts]])
        return things, [*map(id, held), *map(id, things), *names]

    def refresh(self) -> "Walk":
        """Walk again where something has changed since; to be called where nothing stands in the parameters' places."""
        settle_shards(self.sharded)
        if self._now()[1] != self._content:
            self._walk()
        return self

    @property
    def devices(self) -> set[torch.device]:
        """Where the parameters live now."""
        return {p.device for p in self.parameters.values()}

    @property
    def rescaled(self) -> list[Tensor]:
        """The weights of embeddings with max_norm, which rescale them in place whenever they are called."""
        return [part.weight for part in self._rescaling if part.max_norm is not None]

    @property
    def tensors(self) -> list[tuple[str, Tensor]]:
        """What stands in the places of parameters and buffers at the moment, by the name of the place."""
        found = [(name, place[leaf]) for name, place, leaf in self._slots if leaf in place]
        return [(name, t) for name, t in found if t is not None]

    @property
    def buffers(self) -> list[tuple[dict[str, Any], str]]:
        """Where buffers stand: the dictionary of their owner, and their name there."""
        return [(part._buffers, name) for part in self.parts for name, b in part._buffers.items() if b is not None]

    @property
    def compiled(self) -> bool:
        """Whether a part runs under `torch.compile`."""
        return runs_compiled(self.parts)

    def __getstate__(self) -> nn.Module:
        """A copy is of another module, and walks it."""
        return self.module

    def __setstate__(self, module: nn.Module) -> None:
        self.__init__(module)  # type: ignore[misc]


Walkable: TypeAlias = nn.Module | Walk
"""A module, or the walk through it."""


def walked(module: Walkable) -> Walk:
    """The walk through a module, where it was not walked yet."""
    return module if isinstance(module, Walk) else Walk(module)
